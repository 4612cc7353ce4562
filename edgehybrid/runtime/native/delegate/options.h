// The options of an operator that no host has: the integers of a FlexBuffers map, with names and bounds checked.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>

#include "delegate/flexbuffer.h"
#include "delegate/operands.h"

namespace edgehybrid {

class Options {
 public:
  // `known`: its options. One that is not known may mean other numbers. Without any, there need not be a map.
  Options(const tflite::NodeStruct& node, std::initializer_list<const char*> known) {
    const auto* bytes = static_cast<const std::uint8_t*>(node.custom_initial_data);
    const bool is_there = bytes != nullptr && node.custom_initial_data_size > 0;
    if (!is_there && known.size() == 0) return;
    if (!is_there) throw Refused("it has no options");
    const auto found = FlexReader(bytes, static_cast<std::size_t>(node.custom_initial_data_size)).Entries();
    if (!found) throw Refused("its options are no FlexBuffers map");
    entries_ = *found;
    for (const auto& [key, value] : entries_) {
      const auto is_key = [&key = key](const char* each) { return key == each; };
      Require(std::any_of(known.begin(), known.end(), is_key), "its option '" + Shown(key) + "' is unknown");
    }
  }

  // Throws Refused where it is missing, no integer, or beyond its bounds.
  int Get(const char* key, int lowest, int highest) const {
    const auto found = entries_.find(key);
    Require(found != entries_.end(), std::string("its option '") + key + "' is missing");
    Require(found->second.has_value(), std::string("its option '") + key + "' is no integer");
    const std::int64_t value = *found->second;
    Require(value >= lowest && value <= highest,
            std::string("its option '") + key + "' is " + std::to_string(value) + "; " + std::to_string(lowest) + " to " +
                std::to_string(highest) + " is allowed");
    return static_cast<int>(value);
  }

 private:
  // What a damaged file calls it may be long, and no text.
  static std::string Shown(std::string key) {
    key.resize(std::min<std::size_t>(key.size(), 40));
    std::replace_if(key.begin(), key.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return key;
  }

  FlexReader::Map entries_;
};

}  // namespace edgehybrid

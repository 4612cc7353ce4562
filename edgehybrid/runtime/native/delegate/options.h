// The options of an operator that no host has: the integers of a FlexBuffers map, with their bounds checked.
#pragma once

#include <map>
#include <string>

#include "delegate/flexbuffer.h"
#include "delegate/operands.h"

namespace edgehybrid {

class Options {
 public:
  explicit Options(const tflite::NodeStruct& node) {
    const auto* bytes = static_cast<const std::uint8_t*>(node.custom_initial_data);
    if (bytes == nullptr || node.custom_initial_data_size < 0) throw Refused("it has no options");
    const auto found = FlexReader(bytes, static_cast<std::size_t>(node.custom_initial_data_size)).Integers();
    if (!found) throw Refused("its options are no FlexBuffers map");
    values_ = *found;
  }

  // Throws Refused where it is missing or beyond its bounds.
  int Get(const char* key, int lowest, int highest) const {
    const auto found = values_.find(key);
    Require(found != values_.end(), std::string("its option '") + key + "' is missing");
    Require(found->second >= lowest && found->second <= highest,
            std::string("its option '") + key + "' is " + std::to_string(found->second) + "; " +
                std::to_string(lowest) + " to " + std::to_string(highest) + " is allowed");
    return static_cast<int>(found->second);
  }

 private:
  std::map<std::string, std::int64_t> values_;
};

}  // namespace edgehybrid

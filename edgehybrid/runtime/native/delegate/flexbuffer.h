// Reads a FlexBuffers map of integers: the options of Larq's operators and ours. Any bytes are safe to give.
//
// Format: https://flatbuffers.dev/internals/#flexbuffers. The last byte is the width of the root, the one before its
// type; a map is a vector of values, with its length, the width of its keys and the distance to them in front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace edgehybrid {

class FlexReader {
 public:
  FlexReader(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes), size_(size) {}

  // Integers and booleans by key; no value for what is neither.
  using Map = std::map<std::string, std::optional<std::int64_t>>;

  // Nothing if the bytes are no map.
  std::optional<Map> Entries() const {
    if (size_ < 3) return std::nullopt;
    const std::size_t root_width = bytes_[size_ - 1], type = bytes_[size_ - 2] >> 2, width = WidthOf(bytes_[size_ - 2]);
    if (type != kMap || !IsWidth(root_width) || size_ < 2 + root_width) return std::nullopt;
    const auto values = Follow(size_ - 2 - root_width, root_width);
    if (!values || *values < 3 * width) return std::nullopt;
    const auto keys = Follow(*values - 3 * width, width);
    const auto keys_width = Unsigned(*values - 2 * width, width), count = Unsigned(*values - width, width);
    if (!keys || !keys_width || !IsWidth(*keys_width) || !count) return std::nullopt;
    // Each entry takes `width` bytes and one for its type.
    if (*count > (size_ - *values) / (width + 1)) return std::nullopt;
    Map found;
    for (std::size_t i = 0; i < *count; ++i) {
      const auto key = *keys + i * *keys_width < size_ ? Follow(*keys + i * *keys_width, *keys_width) : std::nullopt;
      if (!key) return std::nullopt;
      const auto text = Text(*key);
      if (!text) return std::nullopt;
      const auto value = Integer(*values + i * width, width, bytes_[*values + *count * width + i] >> 2);
      if (!found.emplace(*text, value).second) return std::nullopt;
    }
    return found;
  }

 private:
  static constexpr std::size_t kInt = 1, kUint = 2, kMap = 9, kBool = 26;

  static std::size_t WidthOf(std::uint8_t packed_type) { return std::size_t{1} << (packed_type & 3); }
  static bool IsWidth(std::uint64_t width) { return width == 1 || width == 2 || width == 4 || width == 8; }

  // Little endian.
  std::optional<std::uint64_t> Unsigned(std::size_t at, std::size_t width) const {
    if (width > size_ || at > size_ - width) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value |= std::uint64_t{bytes_[at + i]} << (8 * i);
    return value;
  }

  // Offsets count backwards from where they stand.
  std::optional<std::size_t> Follow(std::size_t at, std::size_t width) const {
    const auto distance = Unsigned(at, width);
    if (!distance || *distance > at) return std::nullopt;
    return at - static_cast<std::size_t>(*distance);
  }

  std::optional<std::string> Text(std::size_t at) const {
    for (std::size_t end = at; end < size_; ++end) {
      if (bytes_[end] == 0) return std::string(reinterpret_cast<const char*>(bytes_) + at, end - at);
    }
    return std::nullopt;
  }

  std::optional<std::int64_t> Integer(std::size_t at, std::size_t width, std::size_t type) const {
    const auto raw = Unsigned(at, width);
    if (!raw || (type != kInt && type != kUint && type != kBool)) return std::nullopt;
    const std::uint64_t sign = std::uint64_t{1} << (8 * width - 1);
    if (type == kInt) return static_cast<std::int64_t>((*raw ^ sign) - sign);
    if (*raw > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return static_cast<std::int64_t>(*raw);
  }

  const std::uint8_t* bytes_;
  std::size_t size_;
};

}  // namespace edgehybrid

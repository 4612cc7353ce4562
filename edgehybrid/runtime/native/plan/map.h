// Where a value lies while a plan runs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgehybrid {

// Base addresses of a plan's buffers, and of the host's tensors, which may move between two inferences.
using Slots = std::uint8_t* const*;

// A map: pixel (0, 0) of `slot` lies at `offset`, behind the border that its readers need. Packed numbers of several
// bits are as many whole maps, one behind the other, the lowest bit first: so narrow maps stay 16 bits a pixel.
struct Map {
  int slot = -1;
  std::ptrdiff_t offset = 0;
  std::ptrdiff_t row_bytes = 0, pixel_bytes = 0;
  std::ptrdiff_t plane_bytes = 0;
  int h = 0, w = 0, c = 0, planes = 1;

  bool exists() const { return slot >= 0; }
  std::uint8_t* At(Slots slots, std::ptrdiff_t y, std::ptrdiff_t x) const {
    return slots[slot] + offset + y * row_bytes + x * pixel_bytes;
  }
  Map Plane(int plane) const {
    Map map = *this;
    map.offset += plane * plane_bytes;
    return map;
  }
};

// Pixels around a map that hold 0.
struct Border {
  int top = 0, left = 0, bottom = 0, right = 0;
  bool operator==(const Border& o) const {
    return top == o.top && left == o.left && bottom == o.bottom && right == o.right;
  }
};

}  // namespace edgehybrid

// What units of a step read and write, so that threads wait only for what they need.
#pragma once

#include <cstddef>
#include <vector>

#include "plan/map.h"

namespace edgehybrid {

// Bytes first … last - 1 of a slot.
struct Access {
  int slot;
  std::ptrdiff_t first, last;
  bool is_write;
};

using Accesses = std::vector<Access>;

// What kernels that read whole vectors may read behind a row; it changes no result.
constexpr std::ptrdiff_t kBehindRow = 64;

// Rows first … last - 1 of a map, without its border, which stays as it is. `behind`: bytes that are read too far.
void AddRead(Accesses& accesses, const Map& map, int first, int last, std::ptrdiff_t behind = 0);
void AddWrite(Accesses& accesses, const Map& map, int first, int last);
// The same of all planes.
void AddReadOfPlanes(Accesses& accesses, const Map& map, int first, int last, std::ptrdiff_t behind);

// Whatever a slot holds.
void AddWhole(Accesses& accesses, int slot, bool is_write);

// Whether one writes what the other reads or writes.
bool AreInConflict(const Accesses& a, const Accesses& b);

}  // namespace edgehybrid

#include "plan/access.h"

#include <algorithm>
#include <limits>

namespace edgehybrid {

namespace {

Access RowsOf(const Map& map, int first, int last, bool is_write) {
  return {map.slot, map.offset + first * map.row_bytes, map.offset + (last - 1) * map.row_bytes + map.w * map.pixel_bytes,
          is_write};
}

}  // namespace

void AddRead(Accesses& accesses, const Map& map, int first, int last, std::ptrdiff_t behind) {
  if (first >= last) return;
  accesses.push_back(RowsOf(map, first, last, false));
  accesses.back().last += behind;
}

void AddWrite(Accesses& accesses, const Map& map, int first, int last) {
  if (first < last) accesses.push_back(RowsOf(map, first, last, true));
}

void AddReadOfPlanes(Accesses& accesses, const Map& map, int first, int last, std::ptrdiff_t behind) {
  for (int plane = 0; plane < map.planes; ++plane) AddRead(accesses, map.Plane(plane), first, last, behind);
}

void AddWhole(Accesses& accesses, int slot, bool is_write) {
  using Limits = std::numeric_limits<std::ptrdiff_t>;
  accesses.push_back({slot, Limits::min(), Limits::max(), is_write});
}

bool AreInConflict(const Accesses& a, const Accesses& b) {
  return std::any_of(a.begin(), a.end(), [&b](const Access& x) {
    return std::any_of(b.begin(), b.end(), [&x](const Access& y) {
      return (x.is_write || y.is_write) && x.slot == y.slot && x.first < y.last && y.first < x.last;
    });
  });
}

}  // namespace edgehybrid

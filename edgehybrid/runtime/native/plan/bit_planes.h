// Which sums and thermometers of a graph are compiled as layers of several bits.
#pragma once

#include <vector>

#include "plan/bit_sum.h"
#include "plan/levels.h"

namespace edgehybrid {

class BitPlanes {
 public:
  explicit BitPlanes(const Reading& reading);

  // The sum that a node gives, or null.
  const BitSum* SumAt(int node) const { return At(sums_, sum_of_node_[static_cast<std::size_t>(node)]); }
  // Part of a sum that a later node gives.
  bool IsInside(int node) const { return is_inside_[static_cast<std::size_t>(node)]; }
  // The levels whose quantisers a node is part of, or null.
  const Levels* LevelsOf(int node) const { return At(levels_, levels_of_node_[static_cast<std::size_t>(node)]); }
  std::size_t sums() const { return sums_.size(); }

 private:
  template <typename T>
  static const T* At(const std::vector<T>& all, int number) {
    return number < 0 ? nullptr : &all[static_cast<std::size_t>(number)];
  }
  void Add(BitSum sum);
  void Add(Levels levels);

  std::vector<BitSum> sums_;
  std::vector<Levels> levels_;
  std::vector<int> sum_of_node_, levels_of_node_;
  std::vector<bool> is_inside_;
};

}  // namespace edgehybrid

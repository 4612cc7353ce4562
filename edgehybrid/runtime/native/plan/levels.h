// The thermometer: signs of one map that are read together become the bits of a number.
//
// Of n = 2^k - 1 signs s_1 … s_n with thresholds of their own, m are negative. s_1 + … + s_n = n - 2 m, which is the sum
// over the k bits of m of 2^j (1 - 2 bit j): as a sign, bit j weighs 2^j.
#pragma once

#include <vector>

#include "plan/reading.h"

namespace edgehybrid {

struct Levels {
  int source = -1;                             // the map
  int bits = 0;                                // k
  std::vector<int> planes;                     // what the quantisers write; the first one's map holds the bits
  std::vector<int> nodes;                      // the quantisers, with the constants before them
  std::vector<std::vector<float>> thresholds;  // [rank - 1][channel]: m >= rank where (source, flipped) < threshold
  std::vector<bool> flips;
};

// Which of the comparisons m >= 1, m >= 2, … m >= most make up bit `bit` of m, by exclusive or: bit j is the parity of
// floor(m / 2^j), the number of multiples of 2^j from 1 to m.
inline std::vector<int> RanksOf(int bit, int most) {
  std::vector<int> ranks;
  for (int rank = 1 << bit; rank <= most; rank += 1 << bit) ranks.push_back(rank);
  return ranks;
}

// Operations that pack the bits, one a comparison.
inline int OperationsOf(const Levels& levels) {
  std::size_t count = 0;
  for (int bit = 0; bit < levels.bits; ++bit) count += RanksOf(bit, static_cast<int>(levels.planes.size())).size();
  return static_cast<int>(count);
}

// The levels that these packed values make up; false where they are not signs of one float map, or where a channel is
// turned round in some of them alone.
bool ReadLevels(const Reading& reading, const std::vector<int>& planes, Levels& levels);

}  // namespace edgehybrid

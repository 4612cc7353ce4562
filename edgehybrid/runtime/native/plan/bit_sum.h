// A layer of several bits, as converters write it for a runtime of one bit: a sum of binary convolutions.
//
// An activation of k bits stands in the graph as 2^k - 1 signs of one map (levels.h). A weight of several bits is a sum
// of filters of one bit, each with a power of two. One convolution a sign and filter, with that power as multiplier, and
// additions of their outputs are the layer. All that is added are whole multiples of one power of two, few enough
// for a float, so that no addition rounds and their order means nothing.
#pragma once

#include <vector>

#include "plan/bconv_step.h"
#include "plan/reading.h"

namespace edgehybrid {

// Bits of an activation: the program that packs 15 signs as 4 bits is the longest that is always taken along.
constexpr int kMostBits = 4;

struct BitSum {
  std::vector<int> nodes;   // additions and convolutions; the last one gives the sum
  int convolution = -1;     // one of them
  std::vector<int> planes;  // packed values of the signs, in order of their numbers; all have the same sum of filters
  BconvBits bits;
  double unit = 0;          // what one product of the lowest bits gives
  std::vector<double> bias;
  std::vector<std::vector<std::int32_t>> turned;  // filters with the other sign, of those of `bits`
};

// The sum whose last addition is `node`, as large as it is; false where it is anything else.
bool ReadBitSum(const Reading& reading, int node, BitSum& sum);

}  // namespace edgehybrid

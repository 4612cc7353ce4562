// Binary convolutions of numbers of several bits, as passes of one-bit planes: what plans, tests and benchmarks run.
#pragma once

#include <vector>

#include "kernels/kernels.h"

namespace edgehybrid {

struct Bits {
  const char* name;
  int activation, weight;
};

// W1A2 reads two planes against one filter: the upper, doubled, and the lower. W2A2 has four passes: the upper plane
// against the upper filter, doubled, the two mixed ones, all doubled, the lower ones.
constexpr Bits kBits[] = {{"bconv", 1, 1}, {"bconv_w1a2", 2, 1}, {"bconv_w2a1", 1, 2}, {"bconv_w2a2", 2, 2}};

// The sum over planes i and filters j of 2^i 2^exponents[j] times their count; plane 0 is the lowest bit. The highest
// power comes first, and what is lower by d is added after d doublings.
inline std::vector<BconvPass> PassesOf(int planes, const std::vector<int>& exponents) {
  std::vector<BconvPass> passes;
  int highest = 0;
  for (const int exponent : exponents) highest = exponent > highest ? exponent : highest;
  int doublings = 0;
  for (int power = highest + planes - 1; power >= 0; --power, ++doublings) {
    for (int filter = 0; filter < static_cast<int>(exponents.size()); ++filter) {
      const int plane = power - exponents[static_cast<std::size_t>(filter)];
      if (plane < 0 || plane >= planes) continue;
      passes.push_back({plane, filter, passes.empty() ? 0 : doublings});
      doublings = 0;
    }
  }
  return passes;
}

inline std::vector<BconvPass> PassesOf(const Bits& bits) {
  std::vector<int> exponents;
  for (int filter = 0; filter < bits.weight; ++filter) exponents.push_back(filter);
  return PassesOf(bits.activation, exponents);
}

}  // namespace edgehybrid

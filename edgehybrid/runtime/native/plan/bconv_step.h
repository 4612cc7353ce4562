// A binary convolution and its program, over the rows of a map.
#pragma once

#include <memory>
#include <vector>

#include "base/buffer.h"
#include "plan/program.h"
#include "plan/step.h"
#include "plan/window.h"

namespace edgehybrid {

// Numbers of several bits: the planes of the input against filters of one bit, filter j weighing 2^exponents[j].
struct BconvBits {
  int planes = 1;
  std::vector<const std::int32_t*> filters;  // OHWI of the flatbuffer, words of 32 input channels
  std::vector<int> exponents;

  // One plane against one filter, whose count is the sum.
  bool IsOne() const { return planes == 1 && filters.size() == 1 && exponents[0] == 0; }

  // The weights of all pairs together.
  std::int64_t weight() const {
    std::int64_t sum = 0;
    for (const int exponent : exponents) sum += ((std::int64_t{1} << planes) - 1) << exponent;
    return sum;
  }
};

struct BconvShape {
  Window window;
  int groups = 1;           // of the convolution, each reading its own input channels
  int channels_in = 0;      // of all groups
  int channels_out = 0;     // of all groups
  bool pads_with_one = true;

  int channels_a_group() const { return channels_in / groups; }
  // The number of products in one sum.
  int terms() const { return window.kernel_h * window.kernel_w * channels_a_group(); }
};

// Maps of at most this many channels are narrow: 16 bits a pixel, two taps a word.
constexpr int kNarrowChannels = 16;

// Bytes of a pixel of a packed map inside of a plan.
inline int PackedPixelBytes(int channels) {
  return channels <= kNarrowChannels ? 2 : 4 * ((channels + 31) / 32);
}

// What the sums count: bits that differ, each pair of plane and filter with its weight, and with zero padding twice that
// plus a correction of the border.
//
// A dot product of n values ±1 is n - 2 count. Padding of 0 takes part as +1, because bits have no 0; place t of a
// window outside of the map then adds channels - 2 popcount(weights of t) where it should add nothing. Twice the count
// plus that sum is what the dot product lacks to n.
inline bool SumsAreDoubled(const BconvShape& shape) {
  const Border border = shape.window.Needs();
  return !shape.pads_with_one && !(border == Border{});
}

// More than one bit needs a convolution of one group.
std::unique_ptr<Step> MakeBconvStep(const Kernels& kernels, const BconvShape& shape, const BconvBits& bits,
                                    const Map& input, Program program, int threads);

}  // namespace edgehybrid

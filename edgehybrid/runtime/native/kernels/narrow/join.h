// Maps of at most 16 channels hold 16 bits a pixel. Two taps of the window make one word, so that no lane counts
// padding: a 3×3 window is five words, not nine.
#pragma once

#include "kernels/kernels.h"

namespace edgehybrid {
namespace EDGEHYBRID_SIMD {

// The halves of sixteen pixels, each in a lane.
template <int kStep>
inline Ints LoadTaps(const std::uint8_t* pixels) {
  const auto* halves = reinterpret_cast<const std::uint16_t*>(pixels);
  return kStep == 1 ? LoadHalves(halves) : LoadEvenHalves(halves);
}

template <int kStep>
inline void JoinRows(const JoinStrip& s) {
  std::uint32_t* words = s.words;
  for (int y = 0; y < s.rows; ++y, words += s.pixels) {
    const std::uint8_t *low = s.low + y * s.row, *high = s.high == nullptr ? nullptr : s.high + y * s.row;
    for (int p = 0; p < s.pixels; p += kLanes) {
      const Ints taps = LoadTaps<kStep>(low + 2 * kStep * p);
      Store(words + p, high == nullptr ? taps : JoinHalves(taps, LoadTaps<kStep>(high + 2 * kStep * p)));
    }
  }
}

inline void Join(const JoinStrip& s) { s.step == 1 ? JoinRows<1>(s) : JoinRows<2>(s); }

}  // namespace EDGEHYBRID_SIMD
}  // namespace edgehybrid

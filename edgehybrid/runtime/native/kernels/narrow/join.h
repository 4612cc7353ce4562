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

template <int kStep, bool kHasHigh>
inline void JoinRows(const JoinStrip& strip) {
  const JoinStrip s = strip;
  std::uint32_t* words = s.words;
  for (int y = 0; y < s.rows; ++y, words += s.pixels) {
    const std::uint8_t *low = s.low + y * s.row, *high = kHasHigh ? s.high + y * s.row : nullptr;
    for (int p = 0; p < s.pixels; p += kLanes) {
      const Ints taps = LoadTaps<kStep>(low + 2 * kStep * p);
      if constexpr (kHasHigh) {
        Store(words + p, JoinHalves(taps, LoadTaps<kStep>(high + 2 * kStep * p)));
      } else {
        Store(words + p, taps);
      }
    }
  }
}

template <int kStep>
inline void JoinTaps(const JoinStrip& s) {
  s.high == nullptr ? JoinRows<kStep, false>(s) : JoinRows<kStep, true>(s);
}

inline void Join(const JoinStrip& s) { s.step == 1 ? JoinTaps<1>(s) : JoinTaps<2>(s); }

}  // namespace EDGEHYBRID_SIMD
}  // namespace edgehybrid

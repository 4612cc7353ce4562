// Largest and mean value of a window, channel by channel.
#pragma once

#include "kernels/kernels.h"

namespace edgehybrid {
namespace EDGEHYBRID_SIMD {

inline void MaxPool(const WindowStrip& s) {
  for (std::ptrdiff_t c = 0; c < std::ptrdiff_t{s.groups} * kLanes; c += kLanes) {
    // NaN is passed over: Max gives its second operand then.
    Floats largest = Broadcast(-__builtin_inff());
    for (int t = 0; t < s.taps; ++t) largest = Max(Load(s.input + s.tap_offsets[t] + c), largest);
    Store(s.sums + c, largest);
  }
}

inline void AveragePool(const WindowStrip& s) {
  const Floats divisor = Broadcast(s.divisor);
  for (std::ptrdiff_t c = 0; c < std::ptrdiff_t{s.groups} * kLanes; c += kLanes) {
    Floats sum = Broadcast(0.0f);
    for (int t = 0; t < s.taps; ++t) sum = Add(sum, Load(s.input + s.tap_offsets[t] + c));
    Store(s.sums + c, Div(sum, divisor));
  }
}

}  // namespace EDGEHYBRID_SIMD
}  // namespace edgehybrid

// How many rows of a map are computed before the program behind them runs.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/isa.h"
#include "plan/window.h"

namespace edgehybrid {

// Sums of a strip, unless one row has more: a strip reads all weights and pays a few calls once, and the first cache
// holds its sums beside weights and maps. That is 48 KiB where there is AVX-512, most often, and 32 KiB elsewhere.
inline std::ptrdiff_t StripBytes(Isa isa) { return isa == Isa::kAvx512 ? 16384 : 8192; }

// stride: lanes from one pixel's sums to the next.
inline int RowsOfStrip(Isa isa, const Window& window, std::ptrdiff_t stride, int threads) {
  const std::ptrdiff_t row_bytes = std::max(window.out_w, 1) * stride * 4;
  // Two strips for each thread at least, so that none waits for long.
  const int most = threads > 1 ? window.out_h / (2 * threads) : window.out_h;
  return static_cast<int>(std::clamp<std::ptrdiff_t>(StripBytes(isa) / row_bytes, 1, std::max(most, 1)));
}

}  // namespace edgehybrid

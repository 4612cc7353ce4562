// How many rows of a map are computed before the program behind them runs.
#pragma once

#include <algorithm>
#include <cstddef>

#include "plan/window.h"

namespace edgehybrid {

// Sums of a strip, unless one row has more: a strip reads all weights and pays a few calls once, and the smallest first
// cache, 32 KiB, holds its sums beside weights and maps.
constexpr std::ptrdiff_t kStripBytes = 8192;

// stride: lanes from one pixel's sums to the next.
inline int RowsOfStrip(const Window& window, std::ptrdiff_t stride, int threads) {
  const std::ptrdiff_t row_bytes = std::max(window.out_w, 1) * stride * 4;
  // Two strips for each thread at least, so that none waits for long.
  const int most = threads > 1 ? window.out_h / (2 * threads) : window.out_h;
  return static_cast<int>(std::clamp<std::ptrdiff_t>(kStripBytes / row_bytes, 1, std::max(most, 1)));
}

}  // namespace edgehybrid

// TensorFlow's SAME and VALID, along one axis of a map. Sizes are pixels, at least 1.
#pragma once

#include <algorithm>
#include <cstdint>

#include "graph/graph.h"

namespace edgehybrid {

// Pixels that a kernel reaches over: its taps and the holes that dilation leaves between them.
inline std::int64_t SpanOf(int kernel, int dilation) { return (std::int64_t{kernel} - 1) * dilation + 1; }

// SAME: ceil(in / stride). VALID: the places where the kernel is inside, 0 or less if there is none.
inline std::int64_t OutputSize(int in, int kernel, int stride, int dilation, Padding padding) {
  const std::int64_t places = padding == Padding::kSame ? in : in - SpanOf(kernel, dilation) + 1;
  return places <= 0 ? 0 : (places + stride - 1) / stride;
}

// Pixels before the first of the map. SAME shares what the last window lacks; the odd pixel goes behind.
inline int PadBefore(int in, int out, int kernel, int stride, int dilation, Padding padding) {
  if (padding == Padding::kValid) return 0;
  const std::int64_t lacking = (std::int64_t{out} - 1) * stride + SpanOf(kernel, dilation) - in;
  return static_cast<int>(std::max<std::int64_t>(lacking, 0) / 2);
}

}  // namespace edgehybrid

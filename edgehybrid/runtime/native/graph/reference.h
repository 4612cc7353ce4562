// Runs a graph node by node with plain loops over dense NHWC maps: slow, obvious, and the oracle of every fast kernel.
//
// The order of rounding is part of the meaning, and fast kernels follow it to the bit. Products and sums are single
// float operations unless a fused multiply-add is named (compile with -ffp-contract=off). Clamp(x, low, high) is
// x < low ? low : x > high ? high : x, so that NaN stays NaN and -0.0 stays -0.0.
//
// LceQuantize     bit = x < 0; int8: x < zero_point; bool: false. So -0.0, 0.0 and NaN count as +1. Bits behind the
//                 last channel are 0. Subnormal numbers follow the processor's mode: where it takes them for 0, as
//                 Larq's interpreter lets it, they count as +1.
// LceDequantize   float: +-1. bool: bit 0 is true. int8: min(127, zero_point + s) and max(-128, zero_point - s) with
//                 s = round(1 / scale). int8 to float: as stored, channel c from
//                 c % channels.
// LceBconv2d      d = twice the number of differing bits, plus `channels a group` for each tap beyond a map whose
//                 border counts as 0. With K = taps * channels a group, the convolution is K - d, exact in integers.
//                 float: y = float(Clamp(d, K - high, K - low)) * float(-mul) + float(bias + K * mul); brackets that
//                 say float are computed in double and rounded once; the rest is float. The activation [low, high]
//                 comes before the multiplier.
//                 int8: the same with mul / scale and (bias + K * mul) / scale + zero_point, then rounded to nearest,
//                 ties away from zero, and saturated; NaN gives -128.
//                 packed: bit = d > 2 * threshold; the activation is already in the threshold.
//                 This is Larq Compute Engine to the bit, but for a border of zeros and float output without
//                 activation: there its optimised kernels add the border in a second float step. With u = 2^-24 both
//                 lie within u * (10 * K * |mul| + 3 * |bias|) of each other; its reference kernel agrees to the bit.
// CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED
//                 sum = bias, or 0.0 without one; then sum = fma(x, w, sum) in the order kernel row, kernel column,
//                 channel. Taps beyond the map are skipped. Then the activation. CONV_2D with few output channels
//                 adds as graph/sums.h says.
// ADD, SUB, MUL   one operation, then the activation.
// RELU*           Clamp. PRELU: x >= 0 ? x : x * slope.
// MAX_POOL_2D     the largest inside the map, from -infinity on; NaN is passed over. Then the activation.
// AVERAGE_POOL_2D sum from 0.0 in the order row, column, divided by the number of pixels inside. Then the activation.
// MEAN            sum from 0.0 in the order row, column, times 1.0f / (h * w). kSum: the sum alone.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace edgehybrid {

// Computes one inference. `inputs` and `outputs` are in the order of graph.inputs and graph.outputs, dense and in the
// flatbuffer's layout: bool one byte, packed words of 32 bits.
void RunReference(const Graph& graph, const std::vector<const void*>& inputs, const std::vector<void*>& outputs);

// Bytes of a value in that layout.
std::int64_t BytesOf(const Value& value);

}  // namespace edgehybrid

// A binary convolution as its node states it, and how its counts become its values or bits: the beginning of its program.
#pragma once

#include "plan/bconv_step.h"
#include "plan/bit_sum.h"
#include "plan/program.h"
#include "plan/reading.h"

namespace edgehybrid {

BconvShape BconvShapeOf(const Node& node, const Reading& reading);

// bit = count > threshold.
void AddThresholds(Program& program, const std::int32_t* limits, const BconvShape& shape, const Map& map);

// Counts to values, with the roundings that graph/reference.h gives: clamp(2 count) * (-m) + (b + terms m); for int8 in
// steps of its scale from its zero point. Half of a float is exact, so a count stands for twice a count. So many
// channels before the first are those of `part`.
void AddTransform(Program& program, const Node& node, const Reading& reading, const BconvShape& shape, int before = 0,
                  const Map& part = {});

// What the counts of all planes and filters together may reach.
inline std::int64_t LargestCount(const BconvShape& shape, const BconvBits& bits) { return shape.terms() * bits.weight(); }

// Counts of several bits to their sum, unit (largest - 2 count) + bias. That is (count - largest / 2 - bias / (2 unit))
// (-2 unit), with no rounding in either order, and the second lets a scale take in the factor.
void AddBitTransform(Program& program, const BitSum& sum, const BconvShape& shape);

}  // namespace edgehybrid

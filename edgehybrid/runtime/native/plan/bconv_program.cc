#include "plan/bconv_program.h"

#include <algorithm>
#include <limits>

namespace edgehybrid {

BconvShape BconvShapeOf(const Node& node, const Reading& reading) {
  BconvShape shape;
  shape.window = reading.WindowOfNode(node);
  shape.channels_in = node.channels_in;
  shape.channels_out = reading.ShapeOf(node.outputs[0]).c;
  shape.pads_with_one = node.pads_with_one;
  shape.groups = node.channels_in / reading.ShapeOf(node.inputs[1]).c;
  return shape;
}

void AddThresholds(Program& program, const std::int32_t* limits, const BconvShape& shape, const Map& map) {
  std::vector<std::int32_t> thresholds(limits, limits + shape.channels_out);
  if (SumsAreDoubled(shape)) {
    // Beyond what any sum reaches, so that doubling does not overflow.
    const std::int32_t most = 2 * shape.terms() + 1;
    for (std::int32_t& t : thresholds) t = 2 * std::clamp(t, -1 - most, most);
  }
  program.Threshold(map, thresholds, std::vector<bool>(thresholds.size()));
}

void AddTransform(Program& program, const Node& node, const Reading& reading, const BconvShape& shape, int before,
                  const Map& part) {
  const double terms = shape.terms(), per_count = SumsAreDoubled(shape) ? 1 : 2;
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  if (node.activation == Activation::kRelu) low = 0;
  if (node.activation == Activation::kReluN1To1) low = -1, high = 1;
  if (node.activation == Activation::kRelu6) low = 0, high = 6;
  if (node.activation != Activation::kNone) {
    program.Clamp(static_cast<float>((terms - high) / per_count), static_cast<float>((terms - low) / per_count));
  }
  const float *m = reading.Floats(node.inputs[2]), *b = reading.Floats(node.inputs[3]);
  const Value& out = reading.ValueAt(node.outputs[0]);
  const bool is_int8 = out.type == Type::kInt8;
  const double step = is_int8 ? static_cast<double>(out.scale) : 1.0, zero = is_int8 ? out.zero_point : 0.0;
  std::vector<float> scale(static_cast<std::size_t>(before), 0.0f), bias = scale;
  for (int c = 0; c < shape.channels_out; ++c) {
    const double factor = m[c], term = b[c];
    scale.push_back(static_cast<float>(per_count) * static_cast<float>(-factor / step));
    bias.push_back(static_cast<float>((term + terms * factor) / step + zero));
  }
  program.Scale(scale);
  if (before > 0) {
    program.BiasPart(bias, part, before);
  } else {
    program.Bias(bias);
  }
}

void AddBitTransform(Program& program, const BitSum& sum, const BconvShape& shape) {
  const double factor = SumsAreDoubled(shape) ? -sum.unit : -2 * sum.unit;
  const double all = sum.unit * static_cast<double>(LargestCount(shape, sum.bits));
  std::vector<float> bias;
  for (const double b : sum.bias) bias.push_back(static_cast<float>((all + b) / factor));
  program.Bias(bias);
  program.ScaleByPower(static_cast<float>(factor), shape.channels_out);
}

}  // namespace edgehybrid

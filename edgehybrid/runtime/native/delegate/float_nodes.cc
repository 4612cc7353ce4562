// The float32 operators of TensorFlow Lite that graph.h knows.
#include <algorithm>

#include "delegate/operands.h"

namespace edgehybrid {

namespace {

template <typename Params>
const Params& ParamsOf(const Operands& operands) {
  Require(operands.node().builtin_data != nullptr, "it has no options");
  return *static_cast<const Params*>(operands.node().builtin_data);
}

Activation ActivationOf(int activation) {
  Require(activation >= 0 && activation <= 3, "its activation is none of NONE, RELU, RELU_N1_TO_1 and RELU6");
  return static_cast<Activation>(activation);
}

Padding PaddingOf(int padding) {
  Require(padding == tflite::kPaddingSame || padding == tflite::kPaddingValid, "its padding is neither SAME nor VALID");
  return padding == tflite::kPaddingSame ? Padding::kSame : Padding::kValid;
}

HostNode Begin(Op op, const Operands& operands, int fewest_inputs, int most_inputs) {
  operands.Expect(fewest_inputs, most_inputs);
  HostNode read{-1, {op, {}, {}}, {operands.InputMap(0, Type::kFloat32)}, operands.OutputMap(Type::kFloat32)};
  Require(read.inputs[0].value.shape.n == read.output.value.shape.n, "its batch changes");
  return read;
}

void RequireSameMap(const HostNode& read) {
  Require(read.inputs[0].value.shape == read.output.value.shape, "its input and its output have different shapes");
}

void AddBias(HostNode& read, const Operands& operands) {
  const bool has_bias = operands.Input(2) >= 0;
  read.inputs.push_back(has_bias ? operands.ChannelVector(2, Type::kFloat32, read.output.value.shape.c) : Operand{});
}

template <typename Params>
void TakeWindow(Node& node, const Params& params) {
  node.padding = PaddingOf(params.padding);
  node.activation = ActivationOf(params.activation);
  node.stride_h = params.stride_height;
  node.stride_w = params.stride_width;
}

HostNode Conv2d(const Operands& operands) {
  HostNode read = Begin(Op::kConv2d, operands, 2, 3);
  const auto& params = ParamsOf<tflite::ConvParams>(operands);
  TakeWindow(read.node, params);
  read.node.dilation_h = params.dilation_height;
  read.node.dilation_w = params.dilation_width;
  read.inputs.push_back(operands.Filter(1, Type::kFloat32, "OHWI"));
  const Shape &in = read.inputs[0].value.shape, &kernel = read.inputs[1].value.shape, &out = read.output.value.shape;
  Require(kernel.c == in.c && kernel.n == out.c, "its channels are grouped, or do not fit its filter");
  RequireWindow(read.node, in, out, kernel.h, kernel.w);
  AddBias(read, operands);
  return read;
}

HostNode Depthwise(const Operands& operands) {
  HostNode read = Begin(Op::kDepthwise, operands, 2, 3);
  const auto& params = ParamsOf<tflite::DepthwiseConvParams>(operands);
  TakeWindow(read.node, params);
  read.node.dilation_h = params.dilation_height;
  read.node.dilation_w = params.dilation_width;
  read.inputs.push_back(operands.Filter(1, Type::kFloat32, "1HWC"));
  const Shape &in = read.inputs[0].value.shape, &kernel = read.inputs[1].value.shape, &out = read.output.value.shape;
  Require(kernel.n == 1 && kernel.c == in.c && kernel.c == out.c, "it makes several channels of one");
  RequireWindow(read.node, in, out, kernel.h, kernel.w);
  AddBias(read, operands);
  return read;
}

HostNode FullyConnected(const Operands& operands) {
  HostNode read = Begin(Op::kFullyConnected, operands, 2, 3);
  const auto& params = ParamsOf<tflite::FullyConnectedParams>(operands);
  Require(params.weights_format == 0, "its weights are shuffled");
  read.node.activation = ActivationOf(params.activation);
  read.inputs.push_back(operands.Filter(1, Type::kFloat32, "OI"));
  const Shape &in = read.inputs[0].value.shape, &weights = read.inputs[1].value.shape, &out = read.output.value.shape;
  Require(in.pixels() == 1 && out.pixels() == 1 && weights.c == in.c && weights.n == out.c,
          "its input or its output does not fit its weights");
  AddBias(read, operands);
  return read;
}

// Both operands maps of one shape, or the second a constant along the channels. Sums and products may be turned round.
HostNode Elementwise(Op op, const Operands& operands) {
  operands.Expect(2, 2);
  const bool is_turned = op != Op::kSub && operands.tensors().IsConstant(operands.Input(0));
  const int map = is_turned ? 1 : 0, other = 1 - map;
  HostNode read{-1, {op, {}, {}}, {operands.InputMap(map, Type::kFloat32)}, operands.OutputMap(Type::kFloat32)};
  RequireSameMap(read);
  read.node.activation = ActivationOf(ParamsOf<tflite::ActivationParams>(operands).activation);
  const Shape& shape = read.output.value.shape;
  if (operands.tensors().IsConstant(operands.Input(other))) {
    read.inputs.push_back(operands.ChannelVector(other, Type::kFloat32, shape.c, true));
  } else {
    read.inputs.push_back(operands.InputMap(other, Type::kFloat32));
    Require(read.inputs[1].value.shape == shape, "one of its inputs is spread over the other");
  }
  return read;
}

HostNode Relu(Activation activation, const Operands& operands) {
  HostNode read = Begin(Op::kRelu, operands, 1, 1);
  read.node.activation = activation;
  RequireSameMap(read);
  return read;
}

HostNode Prelu(const Operands& operands) {
  HostNode read = Begin(Op::kPrelu, operands, 2, 2);
  RequireSameMap(read);
  read.inputs.push_back(operands.ChannelVector(1, Type::kFloat32, read.output.value.shape.c));
  return read;
}

HostNode Pool(Op op, const Operands& operands) {
  HostNode read = Begin(op, operands, 1, 1);
  const auto& params = ParamsOf<tflite::PoolParams>(operands);
  TakeWindow(read.node, params);
  read.node.kernel_h = params.filter_height;
  read.node.kernel_w = params.filter_width;
  const Shape &in = read.inputs[0].value.shape, &out = read.output.value.shape;
  Require(in.c == out.c, "its channels change");
  RequireWindow(read.node, in, out, params.filter_height, params.filter_width);
  return read;
}

HostNode Mean(const Operands& operands) {
  HostNode read = Begin(Op::kMean, operands, 2, 2);
  const HostTensors& tensors = operands.tensors();
  const Value axes = tensors.Constant(operands.Input(1), Type::kInt32);
  const std::vector<int> in_dims = tensors.Dims(operands.Input(0));
  const bool has_two = tensors.At(operands.Input(1)).bytes == 2 * sizeof(std::int32_t);
  Require(has_two && in_dims.size() == 4, "it is not over height and width");
  const auto* axis = static_cast<const std::int32_t*>(axes.constant);
  const auto from_front = [](std::int32_t a) { return a < 0 ? std::int64_t{a} + 4 : std::int64_t{a}; };
  const std::int64_t first = from_front(axis[0]), second = from_front(axis[1]);
  Require(std::min(first, second) == 1 && std::max(first, second) == 2, "it is not over height and width");
  const Shape &in = read.inputs[0].value.shape, &out = read.output.value.shape;
  Require(out.pixels() == 1 && out.c == in.c, "its output does not fit its input");
  return read;
}

HostNode Concat(const Operands& operands) {
  operands.Expect(1, kMostElements);
  const auto& params = ParamsOf<tflite::ConcatenationParams>(operands);
  HostNode read{-1, {Op::kConcat, {}, {}}, {}, operands.OutputMap(Type::kFloat32)};
  const int rank = static_cast<int>(operands.tensors().Dims(operands.Output()).size());
  Require(params.axis == rank - 1 || params.axis == -1, "it is not over channels");
  Require(ActivationOf(params.activation) == Activation::kNone, "it has an activation");
  const Shape& out = read.output.value.shape;
  std::int64_t channels = 0;
  for (int i = 0; i < operands.inputs(); ++i) {
    read.inputs.push_back(operands.InputMap(i, Type::kFloat32));
    const Shape& in = read.inputs.back().value.shape;
    Require(in.n == out.n && in.h == out.h && in.w == out.w, "its inputs have different sizes");
    channels += in.c;
  }
  Require(channels == out.c, "its output does not fit its inputs");
  return read;
}

// The shape that the second input names is in the output's already. A computed one is not known yet.
HostNode Reshape(const Operands& operands) {
  HostNode read = Begin(Op::kReshape, operands, 1, 2);
  Require(operands.Input(1) < 0 || operands.tensors().IsConstant(operands.Input(1)), "its shape is computed");
  Require(read.inputs[0].value.shape.size() == read.output.value.shape.size(), "its output does not fit its input");
  return read;
}

}  // namespace

HostNode ReadFloatNode(std::int32_t builtin_code, const Operands& operands) {
  switch (builtin_code) {
    case tflite::kConv2d:
      return Conv2d(operands);
    case tflite::kDepthwiseConv2d:
      return Depthwise(operands);
    case tflite::kFullyConnected:
      return FullyConnected(operands);
    case tflite::kAdd:
      return Elementwise(Op::kAdd, operands);
    case tflite::kSub:
      return Elementwise(Op::kSub, operands);
    case tflite::kMul:
      return Elementwise(Op::kMul, operands);
    case tflite::kRelu:
      return Relu(Activation::kRelu, operands);
    case tflite::kReluN1To1:
      return Relu(Activation::kReluN1To1, operands);
    case tflite::kRelu6:
      return Relu(Activation::kRelu6, operands);
    case tflite::kPrelu:
      return Prelu(operands);
    case tflite::kMaxPool2d:
      return Pool(Op::kMaxPool, operands);
    case tflite::kAveragePool2d:
      return Pool(Op::kAveragePool, operands);
    case tflite::kMean:
      return Mean(operands);
    case tflite::kConcatenation:
      return Concat(operands);
    case tflite::kReshape:
      return Reshape(operands);
    default:
      throw Refused("the operator stays with the host");
  }
}

}  // namespace edgehybrid

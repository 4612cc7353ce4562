// Larq's four operators. Their options are a FlexBuffers map; source: tflite/kernels/ of larq/compute-engine.
#include <cmath>

#include "delegate/operands.h"
#include "delegate/options.h"

namespace edgehybrid {

namespace {

// Twice the differing bits of a window must fit an int32 with room for a border.
constexpr std::int64_t kMostTaps = std::int64_t{1} << 28;

Type TypeOf(const HostTensors& tensors, int index, bool or_packed) {
  switch (tensors.At(index).type) {
    case tflite::kFloat32:
      return Type::kFloat32;
    case tflite::kInt8:
      return Type::kInt8;
    case tflite::kBool:
      if (!or_packed) return Type::kBool;
      break;
    case tflite::kInt32:
      if (or_packed) return Type::kPacked;
      break;
    default:
      break;
  }
  throw Refused("tensor " + tensors.NameOf(index) + " is " + (or_packed ? "not float32, int8 or packed int32"
                                                                        : "not float32, int8 or bool"));
}

// The packed map with its real channels, where a node before has computed it.
Operand PackedInput(const Operands& operands, const PackedChannels& channels) {
  Operand input = operands.InputMap(0, Type::kPacked);
  const auto known = channels.find(input.tensor);
  if (known != channels.end()) {
    Require(WordsOf(known->second) == input.value.shape.c / 32,
            "its input has " + std::to_string(input.value.shape.c / 32) + " words where " +
                std::to_string(known->second) + " channels are packed");
    input.value.shape.c = known->second;
  }
  return input;
}

// Takes `channels` for a packed map whose words hold as many.
void GiveChannels(Operand& packed, int channels) {
  Require(packed.value.shape.c == WordsOf(channels) * 32, "its packed map has " +
                                                              std::to_string(packed.value.shape.c / 32) +
                                                              " words where " + std::to_string(channels) +
                                                              " channels are");
  packed.value.shape.c = channels;
}

void RequireSameMap(const Operand& in, const Operand& out) {
  Require(in.value.shape == out.value.shape, "its input and its output have different shapes");
}

HostNode Quantize(const Operands& operands) {
  operands.Expect(1, 1);
  const Options none(operands.node(), {});
  HostNode read{-1, {Op::kQuantize, {}, {}}, {}, {}};
  read.inputs = {operands.InputMap(0, TypeOf(operands.tensors(), operands.Input(0), false))};
  read.output = operands.OutputMap(Type::kPacked);
  GiveChannels(read.output, read.inputs[0].value.shape.c);
  RequireSameMap(read.inputs[0], read.output);
  return read;
}

HostNode Dequantize(const Operands& operands, const PackedChannels& channels) {
  operands.Expect(1, 1);
  const Options none(operands.node(), {});
  HostNode read{-1, {Op::kDequantize, {}, {}}, {}, {}};
  Operand input = PackedInput(operands, channels);
  read.output = operands.OutputMap(TypeOf(operands.tensors(), operands.Output(), false));
  if (channels.find(input.tensor) == channels.end()) GiveChannels(input, read.output.value.shape.c);
  read.inputs = {input};
  RequireSameMap(read.inputs[0], read.output);
  const Value& out = read.output.value;
  Require(out.type != Type::kInt8 || (out.scale > 0 && std::isfinite(1.0f / out.scale)),
          "its output has the scale " + std::to_string(out.scale) + "; a positive one is needed");
  return read;
}

HostNode BMaxPool2d(const Operands& operands, const PackedChannels& channels) {
  operands.Expect(1, 1);
  HostNode read{-1, {Op::kBMaxPool2d, {}, {}}, {}, {}};
  const Options options(operands.node(), {"filter_height", "filter_width", "padding", "stride_height", "stride_width"});
  Node& node = read.node;
  node.padding = static_cast<Padding>(options.Get("padding", 0, 1));
  node.stride_h = options.Get("stride_height", 1, kMostSteps);
  node.stride_w = options.Get("stride_width", 1, kMostSteps);
  node.kernel_h = options.Get("filter_height", 1, kMostSteps);
  node.kernel_w = options.Get("filter_width", 1, kMostSteps);
  read.inputs = {PackedInput(operands, channels)};
  read.output = operands.OutputMap(Type::kPacked);
  GiveChannels(read.output, read.inputs[0].value.shape.c);
  RequireWindow(node, read.inputs[0].value.shape, read.output.value.shape, node.kernel_h, node.kernel_w);
  return read;
}

HostNode Bconv2d(const Operands& operands, const PackedChannels& channels) {
  operands.Expect(5, 5);
  HostNode read{-1, {Op::kBconv2d, {}, {}}, {}, {}};
  const Options options(operands.node(),
                        {"channels_in", "dilation_height_factor", "dilation_width_factor", "fused_activation_function",
                         "pad_values", "padding", "stride_height", "stride_width"});
  Node& node = read.node;
  node.channels_in = options.Get("channels_in", 1, INT32_MAX - 31);
  node.dilation_h = options.Get("dilation_height_factor", 1, kMostSteps);
  node.dilation_w = options.Get("dilation_width_factor", 1, kMostSteps);
  node.activation = static_cast<Activation>(options.Get("fused_activation_function", 0, 3));
  node.pads_with_one = options.Get("pad_values", 0, 1) == 1;
  node.padding = static_cast<Padding>(options.Get("padding", 0, 1));
  node.stride_h = options.Get("stride_height", 1, kMostSteps);
  node.stride_w = options.Get("stride_width", 1, kMostSteps);

  Operand input = PackedInput(operands, channels);
  const int words = WordsOf(node.channels_in);
  Require(WordsOf(input.value.shape.c) == words && (channels.count(input.tensor) == 0 ||
                                                    input.value.shape.c == node.channels_in),
          "its option 'channels_in' is " + std::to_string(node.channels_in) + " where its input has " +
              std::to_string(input.value.shape.c));
  input.value.shape.c = node.channels_in;

  Operand filter = operands.Filter(1, Type::kPacked, "OHWI");
  Shape& kernel = filter.value.shape;
  Require(words % kernel.c == 0, "its filter has " + std::to_string(kernel.c) + " words where its input has " +
                                     std::to_string(words));
  const int groups = words / kernel.c;
  // With one group the last word may be part full; groups must be of whole words.
  Require(groups == 1 || node.channels_in % (groups * 32) == 0,
          "its " + std::to_string(groups) + " groups of input channels are no multiples of 32");
  Require(kernel.n % groups == 0, "its " + std::to_string(kernel.n) + " output channels are no multiple of its " +
                                      std::to_string(groups) + " groups");
  kernel.c = node.channels_in / groups;
  Require(kernel.pixels() * kernel.c <= kMostTaps, "its window has too many inputs to be counted");
  RequireCleanTails(filter.value);

  const Type type = TypeOf(operands.tensors(), operands.Output(), true);
  read.output = operands.OutputMap(type);
  Value& out = read.output.value;
  if (type == Type::kPacked) GiveChannels(read.output, kernel.n);
  Require(out.shape.c == kernel.n, "its output has " + std::to_string(out.shape.c) + " channels where its filter has " +
                                       std::to_string(kernel.n));
  Require(type != Type::kInt8 || (out.scale > 0 && std::isfinite(out.scale)),
          "its output has the scale " + std::to_string(out.scale) + "; a positive one is needed");
  RequireWindow(node, input.value.shape, out.shape, kernel.h, kernel.w);

  read.inputs = {input, filter};
  if (type == Type::kPacked) {
    read.inputs.insert(read.inputs.end(), {Operand{}, Operand{}, operands.ChannelVector(4, Type::kInt32, kernel.n)});
  } else {
    read.inputs.insert(read.inputs.end(), {operands.ChannelVector(2, Type::kFloat32, kernel.n),
                                           operands.ChannelVector(3, Type::kFloat32, kernel.n), Operand{}});
  }
  return read;
}

}  // namespace

HostNode ReadLarqNode(const std::string& name, const Operands& operands, const PackedChannels& channels) {
  if (name == "LceQuantize") return Quantize(operands);
  if (name == "LceDequantize") return Dequantize(operands, channels);
  if (name == "LceBMaxPool2d") return BMaxPool2d(operands, channels);
  if (name == "LceBconv2d") return Bconv2d(operands, channels);
  throw Refused("the operator is unknown; LceQuantize, LceDequantize, LceBMaxPool2d and LceBconv2d are known");
}

}  // namespace edgehybrid

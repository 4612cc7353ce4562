#include "delegate/node_reader.h"

#include <cstring>

#include "delegate/operands.h"
#include "graph/padding.h"

namespace edgehybrid {

namespace {

void RequireSteps(const char* what, int h, int w) {
  Require(h >= 1 && w >= 1 && h <= kMostSteps && w <= kMostSteps,
          std::string("its ") + what + " is (" + std::to_string(h) + ", " + std::to_string(w) + "); 1 to " +
              std::to_string(kMostSteps) + " is allowed");
}

}  // namespace

void RequireWindow(const Node& node, const Shape& in, const Shape& out, int kernel_h, int kernel_w) {
  RequireSteps("stride", node.stride_h, node.stride_w);
  RequireSteps("dilation", node.dilation_h, node.dilation_w);
  RequireSteps("window", kernel_h, kernel_w);
  const std::int64_t h = OutputSize(in.h, kernel_h, node.stride_h, node.dilation_h, node.padding);
  const std::int64_t w = OutputSize(in.w, kernel_w, node.stride_w, node.dilation_w, node.padding);
  Require(out.n == in.n && out.h == h && out.w == w,
          "its output is " + TextOf({out.n, out.h, out.w}) + " where its input and options give (" +
              std::to_string(in.n) + ", " + std::to_string(h) + ", " + std::to_string(w) + ")");
}

void Operands::Expect(int fewest_inputs, int most_inputs) const {
  Require(node_.inputs != nullptr && node_.outputs != nullptr && node_.outputs->size == 1 &&
              node_.inputs->size >= fewest_inputs && node_.inputs->size <= most_inputs,
          "it has another number of inputs or outputs than its operator");
}

Operand Operands::InputMap(int position, Type type) const {
  return Operand{Input(position), tensors_.Map(Input(position), type)};
}

Operand Operands::OutputMap(Type type) const { return Operand{Output(), tensors_.Map(Output(), type)}; }

Operand Operands::ChannelVector(int position, Type type, int count, bool or_single) const {
  Operand operand{Input(position), tensors_.Constant(Input(position), type)};
  const std::vector<int> dims = tensors_.Dims(Input(position));
  std::int64_t elements = 1;
  for (const int dim : dims) elements *= dim;
  const bool is_vector = elements == count && (dims.empty() ? count == 1 : dims.back() == count);
  Require(is_vector || (or_single && elements == 1),
          "constant " + tensors_.NameOf(Input(position)) + " has the shape " + TextOf(dims) + " where " +
              std::to_string(count) + " channels are");
  operand.value.shape = Shape{1, 1, 1, static_cast<int>(elements)};
  return operand;
}

Operand Operands::Filter(int position, Type type, const char* axes) const {
  Operand operand{Input(position), tensors_.Constant(Input(position), type)};
  const std::vector<int> dims = tensors_.Dims(Input(position));
  Require(dims.size() == std::strlen(axes), "its filter has the shape " + TextOf(dims) + "; the axes are " + axes);
  operand.value.shape = MapShape(dims);
  return operand;
}

// Bits behind the last channel would count as differences.
void RequireCleanTails(const Value& filter) {
  const int tail = filter.shape.c % 32, words = WordsOf(filter.shape.c);
  if (tail == 0) return;
  const std::int64_t taps = filter.shape.n * filter.shape.pixels();
  const auto* word = static_cast<const std::uint32_t*>(filter.constant) + words - 1;
  for (std::int64_t i = 0; i < taps; ++i, word += words) {
    Require(*word >> tail == 0, "its filter has bits set behind its last channel");
  }
}

std::string PackedName(const tflite::Registration& registration) {
  if (registration.builtin_code != tflite::kCustom || registration.custom_name == nullptr) return "";
  const std::string name(registration.custom_name);
  return name.compare(0, 3, "Lce") == 0 || name.compare(0, 10, "Edgehybrid") == 0 ? name : "";
}

std::vector<HostNode> ReadNode(const HostTensors& tensors, const tflite::NodeStruct& node,
                               const tflite::Registration& registration, const PackedChannels& channels) {
  const Operands operands(tensors, node);
  const std::string name = PackedName(registration);
  if (name.empty()) return {ReadFloatNode(registration.builtin_code, operands)};
  if (name.compare(0, 3, "Lce") == 0) return {ReadLarqNode(name, operands, channels)};
  return ReadLevelsNode(name, operands, channels);
}

}  // namespace edgehybrid

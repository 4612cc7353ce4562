#include "graph/reference.h"

#include <cstring>

#include "base/buffer.h"
#include "graph/reference_ops.h"

namespace edgehybrid {

namespace {

// Channels of each input in turn, pixel by pixel.
void Concat(const std::vector<View>& parts, const View& out) {
  const Shape& shape = out.shape();
  auto* place = out.as<float>();
  for (std::int64_t pixel = 0; pixel < shape.n * shape.pixels(); ++pixel) {
    for (const View& part : parts) {
      const std::int64_t count = part.shape().c;
      std::memcpy(place, part.as<float>() + pixel * count, static_cast<std::size_t>(count) * sizeof(float));
      place += count;
    }
  }
}

void RunNode(const Node& node, const std::vector<View>& in, const View& out) {
  switch (node.op) {
    case Op::kQuantize:
      return reference::Quantize(in[0], out);
    case Op::kDequantize:
      return reference::Dequantize(in[0], out);
    case Op::kBconv2d:
      return reference::Bconv2d(node, in[0], in[1], in[2], in[3], in[4], out);
    case Op::kBMaxPool2d:
      return reference::BMaxPool2d(node, in[0], out);
    case Op::kConv2d:
      return reference::Conv2d(node, in[0], in[1], in[2], out);
    case Op::kDepthwise:
      return reference::Depthwise(node, in[0], in[1], in[2], out);
    case Op::kFullyConnected:
      return reference::FullyConnected(node, in[0], in[1], in[2], out);
    case Op::kAdd:
    case Op::kSub:
    case Op::kMul:
      return reference::Elementwise(node, in[0], in[1], out);
    case Op::kRelu:
      return reference::Relu(node, in[0], out);
    case Op::kPrelu:
      return reference::Prelu(in[0], in[1], out);
    case Op::kMaxPool:
    case Op::kAveragePool:
      return reference::Pool(node, in[0], out);
    case Op::kMean:
      return reference::SumOfPixels(in[0], out, 1.0f / static_cast<float>(in[0].shape().pixels()));
    case Op::kSum:
      return reference::SumOfPixels(in[0], out, 1.0f);
    case Op::kConcat:
      return Concat(in, out);
    case Op::kReshape:
      std::memcpy(out.data, in[0].data, static_cast<std::size_t>(BytesOf(*out.value)));
      return;
  }
}

}  // namespace

std::int64_t BytesOf(const Value& value) {
  const Shape& shape = value.shape;
  switch (value.type) {
    case Type::kPacked:
      return shape.n * shape.pixels() * ((shape.c + 31) / 32) * 4;
    case Type::kFloat32:
    case Type::kInt32:
      return shape.size() * 4;
    case Type::kInt8:
    case Type::kBool:
      break;
  }
  return shape.size();
}

void RunReference(const Graph& graph, const std::vector<const void*>& inputs, const std::vector<void*>& outputs) {
  std::vector<View> views(graph.values.size());
  std::vector<Buffer> owned;
  for (std::size_t i = 0; i < views.size(); ++i) {
    views[i] = View{&graph.values[i], const_cast<void*>(graph.values[i].constant)};
  }
  const auto view = [&views](int index) -> View& { return views[static_cast<std::size_t>(index)]; };
  for (std::size_t i = 0; i < inputs.size(); ++i) view(graph.inputs[i]).data = const_cast<void*>(inputs[i]);
  for (std::size_t i = 0; i < outputs.size(); ++i) view(graph.outputs[i]).data = outputs[i];
  for (View& each : views) {
    if (each.data != nullptr) continue;
    owned.emplace_back(static_cast<std::size_t>(BytesOf(*each.value)));
    each.data = owned.back().as<void>();
  }
  for (const Node& node : graph.nodes) {
    std::vector<View> in;
    for (const int index : node.inputs) in.push_back(index < 0 ? View{} : view(index));
    RunNode(node, in, view(node.outputs[0]));
  }
}

}  // namespace edgehybrid

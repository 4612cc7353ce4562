#include "plan/reading.h"

#include <algorithm>

namespace edgehybrid {

Reading::Reading(const Graph& graph)
    : graph_(graph), readers_(graph.values.size()), borders_(graph.values.size()), writers_(graph.values.size(), -1),
      is_done_(graph.nodes.size()) {
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    writers_[static_cast<std::size_t>(node.outputs[0])] = static_cast<int>(n);
    for (const int value : node.inputs) {
      if (value >= 0 && !IsConstant(value)) readers_[static_cast<std::size_t>(value)].push_back(static_cast<int>(n));
    }
    // Pools and depthwise convolutions leave out places beyond the map; these two read its border.
    if (node.op != Op::kBconv2d && node.op != Op::kConv2d) continue;
    const Border needed = WindowOfNode(node).Needs();
    Border& border = borders_[static_cast<std::size_t>(node.inputs[0])];
    border = {std::max(border.top, needed.top), std::max(border.left, needed.left),
              std::max(border.bottom, needed.bottom), std::max(border.right, needed.right)};
  }
  for (const Node& node : graph.nodes) is_sum_.push_back(CanBeSum(node));
}

bool Reading::CanBeSum(const Node& node) const {
  if (node.op != Op::kConcat || node.inputs.size() != 2 || !IsFloat(node.outputs[0])) return false;
  for (const int value : node.inputs) {
    if (IsConstant(value) || IsOutput(value) || Readers(value).size() != 1) return false;
  }
  const int first = WriterOf(node.inputs[0]), second = WriterOf(node.inputs[1]);
  if (first < 0 || second < first || NodeAt(first).op != Op::kConv2d || NodeAt(second).op != Op::kBconv2d) return false;
  return NodeAt(second).channels_in == ShapeOf(NodeAt(second).inputs[1]).c;
}

bool Reading::IsOutput(int value) const {
  return std::find(graph_.outputs.begin(), graph_.outputs.end(), value) != graph_.outputs.end();
}

const float* Reading::Floats(int value) const {
  return value < 0 ? nullptr : static_cast<const float*>(ValueAt(value).constant);
}

const std::int32_t* Reading::Words(int value) const {
  return value < 0 ? nullptr : static_cast<const std::int32_t*>(ValueAt(value).constant);
}

std::vector<float> Reading::VectorOf(int value, int channels) const {
  if (!IsConstant(value) || !IsFloat(value)) return {};
  const Shape& s = ShapeOf(value);
  if (s.size() != 1 && (s.pixels() != 1 || s.n != 1 || s.c != channels)) return {};
  const float* numbers = Floats(value);
  if (s.size() == 1) return std::vector<float>(static_cast<std::size_t>(channels), numbers[0]);
  return std::vector<float>(numbers, numbers + channels);
}

Window Reading::WindowOfNode(const Node& node) const {
  const Shape &in = ShapeOf(node.inputs[0]), &out = ShapeOf(node.outputs[0]);
  switch (node.op) {
    case Op::kBconv2d:
    case Op::kConv2d:
    case Op::kDepthwise:
      return WindowOf(node, in, out, ShapeOf(node.inputs[1]).h, ShapeOf(node.inputs[1]).w);
    case Op::kFullyConnected:
    case Op::kMean:
    case Op::kSum:
      return Window{in.h, in.w, 1, 1, in.h, in.w, 1, 1, 1, 1, 0, 0};
    default:
      return WindowOf(node, in, out, node.kernel_h, node.kernel_w);
  }
}

void Reading::MarkDone(int node) {
  // A program's first node is marked by its step, too.
  if (!IsDone(node)) done_.push_back(node);
  is_done_[static_cast<std::size_t>(node)] = true;
  for (const int value : NodeAt(node).inputs) {
    if (value < 0 || IsConstant(value)) continue;
    std::vector<int>& readers = readers_[static_cast<std::size_t>(value)];
    readers.erase(std::remove(readers.begin(), readers.end(), node), readers.end());
  }
}

}  // namespace edgehybrid

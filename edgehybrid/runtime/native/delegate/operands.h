// What the readers of nodes share: operands by position, and checks that name what is wrong.
#pragma once

#include <string>
#include <vector>

#include "delegate/node_reader.h"

namespace edgehybrid {

class Operands {
 public:
  Operands(const HostTensors& tensors, const tflite::NodeStruct& node) : tensors_(tensors), node_(node) {}

  // Throws Refused unless the node has so many inputs, and one output.
  void Expect(int fewest_inputs, int most_inputs) const;

  int inputs() const { return node_.inputs->size; }
  // -1 for an absent input.
  int Input(int position) const { return position < inputs() ? node_.inputs->data[position] : -1; }
  int Output() const { return node_.outputs->data[0]; }

  Operand InputMap(int position, Type type) const;
  Operand OutputMap(Type type) const;
  // A constant whose elements run along the channels: `count` of them in the last dimension, or one where allowed.
  Operand ChannelVector(int position, Type type, int count, bool or_single = false) const;
  // A constant of exactly this rank, its shape by dimension.
  Operand Filter(int position, Type type, const char* axes) const;

  const HostTensors& tensors() const { return tensors_; }
  const tflite::NodeStruct& node() const { return node_; }

 private:
  const HostTensors& tensors_;
  const tflite::NodeStruct& node_;
};

// Throws Refused(message) unless `is_so`.
inline void Require(bool is_so, const std::string& message) {
  if (!is_so) throw Refused(message);
}

// Larger strides, dilations and windows are damage; within this no product of two leaves an int.
constexpr int kMostSteps = 1 << 15;

// Of a pixel with so many bits.
inline int WordsOf(int channels) { return channels / 32 + (channels % 32 != 0 ? 1 : 0); }

// Throws Refused where a filter has bits set behind its last channel.
void RequireCleanTails(const Value& filter);

// Throws Refused unless the options of a window are within 1 and 2^15 and the output has the size that they give.
void RequireWindow(const Node& node, const Shape& in, const Shape& out, int kernel_h, int kernel_w);

// The Larq operators, one file; those of levels, and the float ones, others.
HostNode ReadLarqNode(const std::string& name, const Operands& operands, const PackedChannels& channels);
std::vector<HostNode> ReadLevelsNode(const std::string& name, const Operands& operands,
                                     const PackedChannels& channels);
HostNode ReadFloatNode(std::int32_t builtin_code, const Operands& operands);

}  // namespace edgehybrid

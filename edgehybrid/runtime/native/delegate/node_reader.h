// Turns a node of the host into nodes of graph.h, or says why not.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "delegate/host.h"
#include "delegate/tflite_abi.h"
#include "graph/graph.h"

namespace edgehybrid {

// An operand and the host's tensor it comes from; -1 is an absent one, or a constant that no flatbuffer holds.
struct Operand {
  int tensor = -1;
  Value value;
  // Which of the values that stand for the tensor. 0 is laid out as the host has it; others do not leave their region.
  int part = 0;
  // The numbers of a constant that no flatbuffer holds.
  std::shared_ptr<const std::vector<float>> kept{};
};

// A node whose `node.inputs` and `node.outputs` are still empty: the region numbers its values. Several with the same
// index, in the order of execution, may stand for one node of the host.
struct HostNode {
  int index = -1;  // in the host's execution plan
  Node node;
  std::vector<Operand> inputs;
  Operand output;
};

// Real channels of the packed maps that nodes before have computed, by tensor: words cannot tell.
using PackedChannels = std::map<int, int>;

// "LceBconv2d", "EdgehybridConv2d": the name of an operator of Larq's or ours, which no host has; empty for others.
std::string PackedName(const tflite::Registration& registration);

// Throws Refused where the node is not one that graph.h knows, or not sound.
std::vector<HostNode> ReadNode(const HostTensors& tensors, const tflite::NodeStruct& node,
                               const tflite::Registration& registration, const PackedChannels& channels);

}  // namespace edgehybrid

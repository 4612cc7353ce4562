// Turns a node of the host into one of graph.h, or says why not.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "delegate/host.h"
#include "delegate/tflite_abi.h"
#include "graph/graph.h"

namespace edgehybrid {

// An operand and the host's tensor it comes from; -1 is an absent one.
struct Operand {
  int tensor = -1;
  Value value;
};

// A node whose `node.inputs` and `node.outputs` are still empty: the region numbers its values.
struct HostNode {
  int index = -1;  // in the host's execution plan
  Node node;
  std::vector<Operand> inputs;
  Operand output;
};

// Real channels of the packed maps that nodes before have computed, by tensor: words cannot tell.
using PackedChannels = std::map<int, int>;

// "LceBconv2d" for Larq's operators, empty for others.
std::string LarqName(const tflite::Registration& registration);

// Throws Refused where the node is not one that graph.h knows, or not sound.
HostNode ReadNode(const HostTensors& tensors, const tflite::NodeStruct& node, const tflite::Registration& registration,
                  const PackedChannels& channels);

}  // namespace edgehybrid

// The nodes of one partition as a graph, and how it grows with the batch.
#pragma once

#include <memory>
#include <vector>

#include "delegate/host.h"
#include "delegate/node_reader.h"
#include "graph/graph.h"

namespace edgehybrid {

struct Region {
  Graph graph;
  std::vector<int> nodes;  // of each of graph.nodes, in the host's execution plan
  // The host's tensors behind graph.inputs and graph.outputs, and their dimensions.
  std::vector<int> inputs, outputs;
  std::vector<std::vector<int>> input_dims, output_dims;
  // Constants of the graph that no flatbuffer holds.
  std::vector<std::shared_ptr<const std::vector<float>>> kept;
};

// `nodes` in the order of execution; the partition's own tensors as the host lists them, constants among its inputs.
// Throws Refused where these do not belong together.
Region BuildRegion(const HostTensors& tensors, const std::vector<HostNode>& nodes, const std::vector<int>& inputs,
                   const std::vector<int>& outputs);

// The batch that the inputs have now. Throws Refused where they differ, or where more than the batch has changed.
int BatchOf(const Region& region, const HostTensors& tensors);

// The graph for this batch. Throws Refused where a map would get too large.
Graph WithBatch(const Graph& graph, int batch);

}  // namespace edgehybrid

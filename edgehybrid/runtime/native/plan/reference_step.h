// A node without a kernel of its own: the reference computes it, slowly.
#pragma once

#include <memory>
#include <vector>

#include "graph/graph.h"
#include "plan/step.h"

namespace edgehybrid {

// in: slots of the dense forms of the node's computed inputs, in their order; out: that of its output.
std::unique_ptr<Step> MakeReferenceStep(const Graph& graph, const Node& node, std::vector<int> in, int out);

}  // namespace edgehybrid

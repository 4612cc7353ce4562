// The plan that walks the graph's reference node by node: the oracle of the others.
#pragma once

#include <memory>

#include "graph/graph.h"
#include "plan/plan.h"

namespace edgehybrid {

// profile: null, or where one part of all nodes is noted, with the time of each run.
std::unique_ptr<Plan> MakeReferencePlan(const Graph& graph, Profile* profile);

}  // namespace edgehybrid

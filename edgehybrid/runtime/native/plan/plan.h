// A region compiled for its shapes: kernels, packed weights, buffers and the order of work, fixed before the first run.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/isa.h"
#include "graph/graph.h"

namespace edgehybrid {

// Nodes that a plan runs as one, and how long they took: the thread that runs the plan, with its waits for others.
struct ProfiledPart {
  std::vector<int> nodes;             // of the graph; none for copies to the host's tensors
  std::vector<std::int64_t> runs_ns;  // one a run
};
// In the order of running. Each node of the graph is in one part.
using Profile = std::vector<ProfiledPart>;

class Plan {
 public:
  virtual ~Plan() = default;

  // Computes one inference. `inputs` and `outputs` are in the order of Graph::inputs and Graph::outputs, each dense
  // and in the flatbuffer's layout.
  virtual void Run(const std::vector<const void*>& inputs, const std::vector<void*>& outputs) = 0;
};

// Throws std::invalid_argument, with a sentence for the user, for a graph that cannot be compiled.
// With Isa::kReference the plan runs node by node through graph/reference.h, and is one part of a profile.
//
// profile: an empty one that the plan fills, and that outlives it; null for a plan that looks at no clock.
std::unique_ptr<Plan> Compile(const Graph& graph, int threads, Isa isa, Profile* profile = nullptr);

}  // namespace edgehybrid

#include "plan/reference_step.h"

#include <utility>

#include "graph/reference.h"

namespace edgehybrid {

namespace {

class ReferenceStep final : public Step {
 public:
  ReferenceStep(Graph graph, std::vector<int> in, int out) : graph_(std::move(graph)), in_(std::move(in)), out_(out) {}
  int units() const override { return 1; }
  void ListAccesses(int, int, Accesses& accesses) const override {
    for (const int slot : in_) AddWhole(accesses, slot, false);
    AddWhole(accesses, out_, true);
  }
  void Run(Slots slots, std::uint8_t*, int, int) const override {
    std::vector<const void*> inputs;
    for (const int slot : in_) inputs.push_back(slots[slot]);
    RunReference(graph_, inputs, {slots[out_]});
  }

 private:
  Graph graph_;
  std::vector<int> in_;
  int out_;
};

}  // namespace

std::unique_ptr<Step> MakeReferenceStep(const Graph& graph, const Node& node, std::vector<int> in, int out) {
  Graph alone;
  // The same value in the graph of this node alone; a plan's steps see one image.
  const auto copy = [&](int value) {
    alone.values.push_back(graph.values[static_cast<std::size_t>(value)]);
    if (alone.values.back().constant == nullptr) alone.values.back().shape.n = 1;
    return static_cast<int>(alone.values.size()) - 1;
  };
  Node own = node;
  for (int& value : own.inputs) {
    if (value < 0) continue;
    value = copy(value);
    if (alone.values[static_cast<std::size_t>(value)].constant == nullptr) alone.inputs.push_back(value);
  }
  own.outputs = {copy(node.outputs[0])};
  alone.outputs = own.outputs;
  alone.nodes.push_back(std::move(own));
  return std::make_unique<ReferenceStep>(std::move(alone), std::move(in), out);
}

}  // namespace edgehybrid

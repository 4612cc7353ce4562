#include "delegate/region.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace edgehybrid {

namespace {

// A tensor, and which of the values that stand for it.
using Place = std::pair<int, int>;

// Numbers the values: maps by their place, constants anew at each use.
class Numbering {
 public:
  explicit Numbering(Graph& graph) : graph_(graph) {}

  int Of(const Operand& operand) {
    if (operand.value.constant != nullptr) return Add(operand.value);
    if (operand.tensor < 0) return -1;
    const Place place(operand.tensor, operand.part);
    const auto found = maps_.find(place);
    if (found != maps_.end()) return found->second;
    return maps_[place] = Add(operand.value);
  }

  // A map of the region, as the host has it.
  int Find(int tensor) const { return maps_.at(Place(tensor, 0)); }

 private:
  int Add(const Value& value) {
    graph_.values.push_back(value);
    return static_cast<int>(graph_.values.size()) - 1;
  }

  Graph& graph_;
  std::map<Place, int> maps_;
};

}  // namespace

Region BuildRegion(const HostTensors& tensors, const std::vector<HostNode>& nodes, const std::vector<int>& inputs,
                   const std::vector<int>& outputs) {
  Region region;
  Numbering numbers(region.graph);
  std::vector<int> read;
  std::set<Place> written;
  for (const HostNode& host_node : nodes) {
    region.nodes.push_back(host_node.index);
    Node node = host_node.node;
    for (const Operand& input : host_node.inputs) {
      node.inputs.push_back(numbers.Of(input));
      if (input.kept != nullptr) region.kept.push_back(input.kept);
      const bool is_map = input.tensor >= 0 && input.value.constant == nullptr;
      if (!is_map || written.count(Place(input.tensor, input.part)) != 0) continue;
      if (input.part != 0) {
        throw Refused("tensor " + tensors.NameOf(input.tensor) +
                      " is read as integers or levels, which no operator of the same region computes");
      }
      read.push_back(input.tensor);
    }
    node.outputs = {numbers.Of(host_node.output)};
    written.emplace(host_node.output.tensor, host_node.output.part);
    region.graph.nodes.push_back(node);
  }
  for (const int tensor : inputs) {
    if (std::count(read.begin(), read.end(), tensor) == 0) continue;
    region.inputs.push_back(tensor);
    region.input_dims.push_back(tensors.Dims(tensor));
    region.graph.inputs.push_back(numbers.Find(tensor));
  }
  for (const int tensor : read) {
    if (std::count(region.inputs.begin(), region.inputs.end(), tensor) == 0) {
      throw Refused("the host does not pass tensor " + tensors.NameOf(tensor) + " to its partition");
    }
  }
  for (const int tensor : outputs) {
    if (written.count(Place(tensor, 0)) == 0) {
      throw Refused("the host expects tensor " + tensors.NameOf(tensor) +
                    " from a partition without it, or one that has it as integers or levels, which none but operators "
                    "of levels read");
    }
    region.outputs.push_back(tensor);
    region.output_dims.push_back(tensors.Dims(tensor));
    region.graph.outputs.push_back(numbers.Find(tensor));
  }
  return region;
}

int BatchOf(const Region& region, const HostTensors& tensors) {
  int batch = 0;
  for (std::size_t i = 0; i < region.inputs.size(); ++i) {
    const std::vector<int> now = tensors.Dims(region.inputs[i]), &before = region.input_dims[i];
    if (now.size() != before.size() || !std::equal(now.begin() + 1, now.end(), before.begin() + 1)) {
      throw Refused("tensor " + tensors.NameOf(region.inputs[i]) + " now has the shape " + TextOf(now) +
                    "; in the flatbuffer it is " + TextOf(before) + ", of which only the first may change");
    }
    if (batch != 0 && now[0] != batch) {
      throw Refused("tensor " + tensors.NameOf(region.inputs[i]) + " has the batch " + std::to_string(now[0]) +
                    " where others have " + std::to_string(batch));
    }
    batch = now[0];
  }
  return batch;
}

Graph WithBatch(const Graph& graph, int batch) {
  Graph resized = graph;
  for (Value& value : resized.values) {
    if (value.constant != nullptr) continue;
    value.shape.n = batch;
    if (value.shape.size() / 32 > kMostElements) {
      throw Refused("a map of the batch " + std::to_string(batch) + " has more than " + std::to_string(kMostElements) +
                    " elements");
    }
  }
  return resized;
}

}  // namespace edgehybrid

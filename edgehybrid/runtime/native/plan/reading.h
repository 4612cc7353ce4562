// A graph as its compiler sees it: who reads each value and has not been compiled yet, and what border that needs.
#pragma once

#include <vector>

#include "graph/graph.h"
#include "plan/window.h"

namespace edgehybrid {

class Reading {
 public:
  explicit Reading(const Graph& graph);

  const Graph& graph() const { return graph_; }
  const Node& NodeAt(int node) const { return graph_.nodes[static_cast<std::size_t>(node)]; }
  const Value& ValueAt(int value) const { return graph_.values[static_cast<std::size_t>(value)]; }
  const Shape& ShapeOf(int value) const { return ValueAt(value).shape; }
  bool IsFloat(int value) const { return ValueAt(value).type == Type::kFloat32; }
  bool IsConstant(int value) const { return value >= 0 && ValueAt(value).constant != nullptr; }
  bool IsOutput(int value) const;

  // The numbers of a constant; null where it is absent.
  const float* Floats(int value) const;
  const std::int32_t* Words(int value) const;
  // A constant of one number, or of one a channel, as a vector over the channels; empty where it is none.
  std::vector<float> VectorOf(int value, int channels) const;

  Window WindowOfNode(const Node& node) const;
  const Border& BorderOf(int value) const { return borders_[static_cast<std::size_t>(value)]; }

  // The node that computes a value; -1 for what comes from outside.
  int WriterOf(int value) const { return writers_[static_cast<std::size_t>(value)]; }
  // Nodes that read a value and are not part of a step yet.
  const std::vector<int>& Readers(int value) const { return readers_[static_cast<std::size_t>(value)]; }
  // Nobody reads it any more.
  bool IsSpent(int value) const { return Readers(value).empty() && !IsOutput(value); }

  // A float convolution and then a binary one that only this concatenation reads: its value is their sum, each in lanes
  // where the other has 0, so that it needs no walk of its own.
  bool IsSum(int node) const { return is_sum_[static_cast<std::size_t>(node)]; }

  bool IsDone(int node) const { return is_done_[static_cast<std::size_t>(node)]; }
  // Those that are, in the order in which they became part of a step.
  const std::vector<int>& done() const { return done_; }
  // A node became part of a step: it reads its inputs no longer.
  void MarkDone(int node);

 private:
  const Graph& graph_;
  std::vector<std::vector<int>> readers_;
  std::vector<Border> borders_;
  bool CanBeSum(const Node& node) const;

  std::vector<int> writers_;
  std::vector<bool> is_done_, is_sum_;
  std::vector<int> done_;
};

}  // namespace edgehybrid

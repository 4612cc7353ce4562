#include "plan/quantiser.h"

#include <utility>

namespace edgehybrid {

Quantiser QuantiserAt(const Reading& reading, int value, int node) {
  const int channels = reading.ShapeOf(value).c;
  std::vector<float> factors, terms;
  Quantiser found;
  for (int current = value; reading.NodeAt(node).op != Op::kQuantize; node = reading.Readers(current)[0]) {
    const Node& n = reading.NodeAt(node);
    if (!IsAffine(n.op) || n.activation != Activation::kNone || n.inputs[0] != current) return {};
    std::vector<float> vector = reading.VectorOf(n.inputs[1], channels);
    if (vector.empty() || !terms.empty() || (n.op == Op::kMul && !factors.empty())) return {};
    NegateForSub(n.op, vector);
    (n.op == Op::kMul ? factors : terms) = std::move(vector);
    found.nodes.push_back(node);
    current = n.outputs[0];
    if (reading.Readers(current).size() != 1 || reading.IsOutput(current)) return {};
  }
  found.nodes.push_back(node);
  found.packed = reading.NodeAt(node).outputs[0];
  found.rule = SignOf(channels, factors, terms);
  return found;
}

}  // namespace edgehybrid

// The policy: every node of Larq's or ours, which no host can run, and what is connected with one of them through nodes
// that could run here. A float network without binary layers stays with the host, whose kernels are made for it.
//
// First layer and classifier are taken along. Left to XNNPACK, the first layer made QuickNet, and VGG-19 at 32×32 and
// 224×224, take 3 to 5 % longer on an x86-64 Xeon, and the classifier none less.
#include "delegate/claim.h"

#include <algorithm>
#include <map>

namespace edgehybrid {

bool IsPacked(Op op) {
  return op == Op::kQuantize || op == Op::kDequantize || op == Op::kBconv2d || op == Op::kBMaxPool2d || op == Op::kSum;
}

std::vector<std::size_t> Claim(const std::vector<HostNode>& nodes) {
  // Nodes at each computed tensor.
  std::map<int, std::vector<std::size_t>> at_tensor;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    at_tensor[nodes[i].output.tensor].push_back(i);
    for (const Operand& input : nodes[i].inputs) {
      if (input.tensor >= 0 && input.value.constant == nullptr) at_tensor[input.tensor].push_back(i);
    }
  }
  std::vector<std::size_t> claimed;
  std::vector<bool> is_claimed(nodes.size(), false);
  const auto take = [&](std::size_t i) {
    if (is_claimed[i]) return;
    is_claimed[i] = true;
    claimed.push_back(i);
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (IsPacked(nodes[i].node.op)) take(i);
  }
  for (std::size_t next = 0; next < claimed.size(); ++next) {
    const HostNode& node = nodes[claimed[next]];
    for (const std::size_t neighbour : at_tensor[node.output.tensor]) take(neighbour);
    for (const Operand& input : node.inputs) {
      const auto found = at_tensor.find(input.tensor);
      if (found == at_tensor.end() || input.value.constant != nullptr) continue;
      for (const std::size_t neighbour : found->second) take(neighbour);
    }
  }
  std::sort(claimed.begin(), claimed.end());
  return claimed;
}

}  // namespace edgehybrid

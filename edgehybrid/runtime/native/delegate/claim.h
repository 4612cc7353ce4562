// Which of the nodes that could run here are taken from the host.
#pragma once

#include <vector>

#include "delegate/node_reader.h"

namespace edgehybrid {

// Whether the operator is one of Larq's four, or the sum, which none but our own operators have.
bool IsPacked(Op op);

// Positions in `nodes`, ascending. `nodes` is in the order of execution.
std::vector<std::size_t> Claim(const std::vector<HostNode>& nodes);

}  // namespace edgehybrid

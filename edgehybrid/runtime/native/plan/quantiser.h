// A quantiser with the constants before it, as one comparison of the map that it begins at.
#pragma once

#include <vector>

#include "plan/fold.h"
#include "plan/reading.h"

namespace edgehybrid {

inline bool IsAffine(Op op) { return op == Op::kMul || op == Op::kAdd || op == Op::kSub; }

// x - t is x + -t to the bit.
inline void NegateForSub(Op op, std::vector<float>& terms) {
  if (op != Op::kSub) return;
  for (float& term : terms) term = -term;
}

struct Quantiser {
  std::vector<int> nodes;  // in their order; none where there is no quantiser
  int packed = -1;         // what it writes
  SignRule rule;
};

// The one that begins with `node`, which reads `value`: at most a factor and then a term, which nobody else reads, and
// the quantiser itself.
Quantiser QuantiserAt(const Reading& reading, int value, int node);

}  // namespace edgehybrid

// One step of a plan: a kernel with all that it needs, split into units that threads may share.
#pragma once

#include "plan/map.h"

namespace edgehybrid {

class Step {
 public:
  virtual ~Step() = default;

  // Number of units; each may run on any thread, all of them before the next step begins.
  virtual int units() const = 0;

  // `scratch` is the thread's own, of scratch_bytes() at least.
  virtual void Run(Slots slots, std::uint8_t* scratch, int first_unit, int last_unit) const = 0;
  virtual std::size_t scratch_bytes() const { return 0; }
};

}  // namespace edgehybrid

// One step of a plan: a kernel with all that it needs, split into units that threads may share.
#pragma once

#include "plan/access.h"
#include "plan/map.h"

namespace edgehybrid {

class Step {
 public:
  virtual ~Step() = default;

  // Number of units. Each may run on any thread, at the same time as the others and as units of other steps that are not
  // in conflict with it.
  virtual int units() const = 0;

  // What these units read and write, beside weights and scratch.
  virtual void ListAccesses(int first_unit, int last_unit, Accesses& accesses) const = 0;

  // `scratch` is the thread's own, of scratch_bytes() at least.
  virtual void Run(Slots slots, std::uint8_t* scratch, int first_unit, int last_unit) const = 0;
  virtual std::size_t scratch_bytes() const { return 0; }
};

}  // namespace edgehybrid

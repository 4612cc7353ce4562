// Which units of each step a thread runs, in which order, and whom it waits for: those who wrote what the units read, or
// may still read what they write. Units that need nobody come first in their step. So the rows that a thread computes and
// reads by itself are under way while those at the edge of its part change cores.
#pragma once

#include <memory>
#include <vector>

#include "plan/step.h"

namespace edgehybrid {

// Until that thread is through so many steps.
struct Wait {
  int thread;
  unsigned steps;
  bool operator==(const Wait& o) const { return thread == o.thread && steps == o.steps; }
};

// Units of one step that a thread runs in one go.
struct Turn {
  const Step* step;
  int first_unit, last_unit;
  int waits;       // before it: the next ones of the thread
  bool ends_step;  // the thread's part of it
};

// One turn of every step at least, even if it is empty.
struct PartOfThread {
  std::vector<Turn> turns;
  std::vector<Wait> waits;
};

using Schedule = std::vector<PartOfThread>;

Schedule ScheduleOf(const std::vector<std::unique_ptr<Step>>& steps, int threads);

}  // namespace edgehybrid

#include "plan/schedule.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace edgehybrid {

namespace {

using Steps = std::vector<std::unique_ptr<Step>>;

int FirstUnit(std::int64_t units, int thread, int threads) {
  return static_cast<int>((units * thread + threads - 1) / threads);
}

class Scheduler {
 public:
  Scheduler(const Steps& steps, int threads) : steps_(steps), threads_(threads) {
    for (const auto& step : steps) {
      std::vector<Accesses> parts(static_cast<std::size_t>(threads));
      for (int t = 0; t < threads; ++t) {
        const int first = FirstUnit(step->units(), t, threads), last = FirstUnit(step->units(), t + 1, threads);
        if (first < last) step->ListAccesses(first, last, parts[static_cast<std::size_t>(t)]);
      }
      accesses_.push_back(std::move(parts));
    }
  }

  PartOfThread PartOf(int thread) const {
    PartOfThread part;
    // How many steps each other thread is known to be through.
    std::vector<unsigned> known(static_cast<std::size_t>(threads_), 0);
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Step* step = steps_[i].get();
      const int first = FirstUnit(step->units(), thread, threads_), last = FirstUnit(step->units(), thread + 1, threads_);
      std::vector<Run> runs, others;
      for (int unit = first; unit < last; ++unit) {
        std::vector<Wait> waits = WaitsOf(thread, i, unit, known);
        std::vector<Run>& same = waits.empty() ? runs : others;
        if (!same.empty() && same.back().last_unit == unit && same.back().waits == waits) {
          ++same.back().last_unit;
        } else {
          same.push_back({unit, unit + 1, std::move(waits)});
        }
      }
      runs.insert(runs.end(), others.begin(), others.end());
      if (runs.empty()) runs.push_back({first, last, {}});
      for (const Run& run : runs) {
        for (const Wait& wait : run.waits) {
          unsigned& steps = known[static_cast<std::size_t>(wait.thread)];
          steps = std::max(steps, wait.steps);
        }
        part.waits.insert(part.waits.end(), run.waits.begin(), run.waits.end());
        part.turns.push_back({step, run.first_unit, run.last_unit, static_cast<int>(run.waits.size()), false});
      }
      part.turns.back().ends_step = true;
    }
    return part;
  }

 private:
  // Units side by side that wait for the same.
  struct Run {
    int first_unit, last_unit;
    std::vector<Wait> waits;
  };

  std::vector<Wait> WaitsOf(int thread, std::size_t step, int unit, const std::vector<unsigned>& known) const {
    std::vector<Wait> waits;
    if (threads_ == 1) return waits;
    Accesses own;
    steps_[step]->ListAccesses(unit, unit + 1, own);
    for (int other = 0; other < threads_; ++other) {
      if (other == thread) continue;
      const auto o = static_cast<std::size_t>(other);
      for (std::size_t before = step; before > known[o]; --before) {
        if (!AreInConflict(own, accesses_[before - 1][o])) continue;
        waits.push_back({other, static_cast<unsigned>(before)});
        break;
      }
    }
    return waits;
  }

  const Steps& steps_;
  const int threads_;
  // [step][thread]
  std::vector<std::vector<Accesses>> accesses_;
};

}  // namespace

Schedule ScheduleOf(const Steps& steps, int threads) {
  const Scheduler scheduler(steps, threads);
  Schedule schedule;
  for (int thread = 0; thread < threads; ++thread) schedule.push_back(scheduler.PartOf(thread));
  return schedule;
}

}  // namespace edgehybrid

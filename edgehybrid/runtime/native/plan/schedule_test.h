// Schedules of made-up steps against all pairs of their units, and plans whose threads are as quick or as slow as it
// happens. For plan_test.cc.
#pragma once

#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <vector>

#include "plan/compiled_plan.h"
#include "plan/random_graph.h"
#include "plan/schedule.h"

namespace edgehybrid {

// Runs the units of a compiled plan in some order that its schedule allows.
inline void RunByChance(const CompiledPlan& plan, Random& random) {
  const Schedule& schedule = plan.schedule();
  struct State {
    std::size_t turn = 0, wait = 0;
    unsigned through = 0;
  };
  std::vector<State> states(schedule.size());
  const auto can_go_on = [&](std::size_t t) {
    const PartOfThread& part = schedule[t];
    if (states[t].turn == part.turns.size()) return false;
    const auto first = part.waits.begin() + static_cast<std::ptrdiff_t>(states[t].wait);
    return std::all_of(first, first + part.turns[states[t].turn].waits, [&](const Wait& wait) {
      return states[static_cast<std::size_t>(wait.thread)].through >= wait.steps;
    });
  };
  while (true) {
    std::vector<std::size_t> able;
    for (std::size_t t = 0; t < schedule.size(); ++t) {
      if (can_go_on(t)) able.push_back(t);
    }
    if (able.empty()) break;
    const std::size_t t = able[static_cast<std::size_t>(random.Int(0, static_cast<int>(able.size()) - 1))];
    // Often as far as it comes.
    for (bool goes_on = true; goes_on && can_go_on(t); goes_on = random.Chance(0.9)) {
      const Turn& turn = schedule[t].turns[states[t].turn++];
      turn.step->Run(plan.slots(), plan.scratch()[t].as<std::uint8_t>(), turn.first_unit, turn.last_unit);
      states[t].wait += static_cast<std::size_t>(turn.waits);
      states[t].through += turn.ends_step;
    }
  }
  for (std::size_t t = 0; t < schedule.size(); ++t) {
    if (states[t].turn < schedule[t].turns.size()) throw std::logic_error("threads wait for each other for ever");
  }
}

// Row y of one map is made of rows y - reach … y + reach of another.
class MadeUpStep final : public Step {
 public:
  MadeUpStep(int rows, int reach, int from, int to) : rows_(rows), reach_(reach), from_(from), to_(to) {}
  int units() const override { return rows_; }
  void Run(Slots, std::uint8_t*, int, int) const override {}
  void ListAccesses(int first, int last, Accesses& accesses) const override {
    accesses.push_back({from_, std::max(0, first - reach_), std::min(rows_, last + reach_), false});
    accesses.push_back({to_, first, last, true});
  }

 private:
  int rows_, reach_, from_, to_;
};

// Which thread runs each unit of each step, and what it knows then: how many steps every thread is through.
struct Place {
  int thread = -1;
  std::vector<unsigned> known;
};

class ScheduleTest {
 public:
  ScheduleTest(const std::vector<std::unique_ptr<Step>>& steps, int threads)
      : steps_(steps), schedule_(ScheduleOf(steps, threads)) {
    for (const auto& step : steps) places_.emplace_back(static_cast<std::size_t>(step->units()));
    for (int thread = 0; thread < threads; ++thread) Follow(thread);
  }

  // Each unit runs once, and waits for all that it is in conflict with.
  bool IsSafe() const {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      for (int a = 0; a < steps_[i]->units(); ++a) {
        const Place& place = places_[i][static_cast<std::size_t>(a)];
        if (place.thread < 0 || !is_once_) return false;
        for (std::size_t j = 0; j < i; ++j) {
          for (int b = 0; b < steps_[j]->units(); ++b) {
            const int other = places_[j][static_cast<std::size_t>(b)].thread;
            if (other == place.thread || !AreInConflict(Of(i, a), Of(j, b))) continue;
            if (place.known[static_cast<std::size_t>(other)] <= j) return false;
          }
        }
      }
    }
    return true;
  }

  // No unit waits for a step with which none of its turn is in conflict, and those that wait come last.
  bool IsTight() const { return is_tight_; }

 private:
  Accesses Of(std::size_t step, int unit) const {
    Accesses accesses;
    steps_[step]->ListAccesses(unit, unit + 1, accesses);
    return accesses;
  }

  void Follow(int thread) {
    const PartOfThread& part = schedule_[static_cast<std::size_t>(thread)];
    std::vector<unsigned> known(schedule_.size(), 0);
    std::size_t step = 0, next = 0;
    bool has_waited = false;
    for (const Turn& turn : part.turns) {
      if (turn.step != steps_[step].get()) throw std::logic_error("a turn is not of the step that is next");
      is_tight_ = is_tight_ && !(has_waited && turn.waits == 0);
      has_waited = turn.waits > 0;
      for (int i = 0; i < turn.waits; ++i) {
        const Wait& wait = part.waits[next++];
        is_tight_ = is_tight_ && IsNeeded(step, turn, wait);
        unsigned& steps = known[static_cast<std::size_t>(wait.thread)];
        steps = std::max(steps, wait.steps);
      }
      for (int unit = turn.first_unit; unit < turn.last_unit; ++unit) {
        Place& place = places_[step][static_cast<std::size_t>(unit)];
        is_once_ = is_once_ && place.thread < 0;
        place = {thread, known};
      }
      if (!turn.ends_step) continue;
      has_waited = false;
      ++step;
    }
    if (step != steps_.size()) throw std::logic_error("a step has no turn");
  }

  bool IsNeeded(std::size_t step, const Turn& turn, const Wait& wait) const {
    if (wait.steps > step) return false;
    const std::size_t before = wait.steps - 1;
    Accesses others;
    for (const Turn& its : schedule_[static_cast<std::size_t>(wait.thread)].turns) {
      if (its.step == steps_[before].get() && its.first_unit < its.last_unit) {
        its.step->ListAccesses(its.first_unit, its.last_unit, others);
      }
    }
    for (int unit = turn.first_unit; unit < turn.last_unit; ++unit) {
      if (!AreInConflict(Of(step, unit), others)) return false;
    }
    return true;
  }

  const std::vector<std::unique_ptr<Step>>& steps_;
  Schedule schedule_;
  std::vector<std::vector<Place>> places_;
  bool is_once_ = true, is_tight_ = true;
};

inline bool SchedulesAreRight(unsigned seed) {
  Random random(seed);
  for (int number = 0; number < 300; ++number) {
    std::vector<std::unique_ptr<Step>> steps;
    for (int i = random.Int(1, 8); i > 0; --i) {
      const int from = random.Int(0, 3), to = (from + random.Int(1, 3)) % 4;
      steps.push_back(std::make_unique<MadeUpStep>(random.Int(0, 12), random.Int(0, 2), from, to));
    }
    const int threads = random.Int(1, 5);
    const ScheduleTest test(steps, threads);
    if (test.IsSafe() && test.IsTight()) continue;
    std::printf("schedule %d of %d threads is not right\n", number, threads);
    return false;
  }
  // A window of three rows needs the row at the edge alone, and what is done row by row needs nobody.
  std::vector<std::unique_ptr<Step>> steps;
  steps.push_back(std::make_unique<MadeUpStep>(8, 0, 0, 1));
  steps.push_back(std::make_unique<MadeUpStep>(8, 1, 1, 2));
  steps.push_back(std::make_unique<MadeUpStep>(8, 0, 2, 3));
  const Schedule schedule = ScheduleOf(steps, 2);
  const auto is = [](const Turn& turn, int first, int last, int waits) {
    return turn.first_unit == first && turn.last_unit == last && turn.waits == waits;
  };
  const std::vector<Turn>&first = schedule[0].turns, &second = schedule[1].turns;
  const bool is_right = first.size() == 4 && is(first[0], 0, 4, 0) && is(first[1], 0, 3, 0) && is(first[2], 3, 4, 1) &&
                        is(first[3], 0, 4, 0) && second.size() == 4 && is(second[1], 5, 8, 0) &&
                        is(second[2], 4, 5, 1) && schedule[1].waits == std::vector<Wait>{{0, 1}};
  if (!is_right) std::printf("threads wait where they need not\n");
  return is_right;
}

}  // namespace edgehybrid

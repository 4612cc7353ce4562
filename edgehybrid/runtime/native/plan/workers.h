// Threads that share the units of each step. Within an inference they wait for each other as the schedule says, spinning,
// since a step takes microseconds; between two inferences they sleep after a short while.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/buffer.h"
#include "plan/schedule.h"
#include "plan/step.h"

namespace edgehybrid {

using Clock = std::chrono::steady_clock;

class Workers {
 public:
  explicit Workers(int threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int threads() const { return threads_; }

  // Runs all steps. `schedule` is theirs for this number of threads. `scratch` holds a buffer a thread; `ends`, which may
  // be null, gets when the caller's thread ended its part of each step, and when all ended the last.
  void Run(const std::vector<std::unique_ptr<Step>>& steps, const Schedule& schedule, Slots slots,
           const std::vector<Buffer>& scratch, Clock::time_point* ends);

 private:
  void Work(int thread);
  // `before`: steps that the thread was through before this run.
  void RunPart(int thread, unsigned before, Clock::time_point* ends);
  void WaitFor(int thread, unsigned steps) const;

  const int threads_;
  const std::vector<std::unique_ptr<Step>>* steps_ = nullptr;
  const Schedule* schedule_ = nullptr;
  Slots slots_ = nullptr;
  const std::vector<Buffer>* scratch_ = nullptr;

  // Counts the runs; a worker that sees a new number takes part in it.
  std::atomic<unsigned> run_{0};
  std::atomic<bool> must_stop_{false};
  // How many steps a thread has been through, of all runs, in lines of its own.
  struct alignas(2 * kCacheLine) Count {
    std::atomic<unsigned> steps{0};
  };
  std::vector<Count> through_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> pool_;
};

}  // namespace edgehybrid

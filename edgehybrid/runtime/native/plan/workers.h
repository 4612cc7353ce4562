// Threads that share the units of each step. Between two steps they wait for each other, spinning, since a step takes
// microseconds; between two inferences they sleep after a short while.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/buffer.h"
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

  // Runs all steps in order. `scratch` holds a buffer a thread; `ends`, which may be null, gets when each step ended.
  void Run(const std::vector<std::unique_ptr<Step>>& steps, Slots slots, const std::vector<Buffer>& scratch,
           Clock::time_point* ends);

 private:
  void Work(int thread);
  void RunPart(int thread, Clock::time_point* ends);
  void WaitForAll(int thread);

  // The steps that a thread has been through, in a cache line of its own: what it writes goes to those that wait, and
  // nobody else's writing takes the line away.
  struct alignas(2 * kCacheLine) Progress {
    std::atomic<unsigned> steps{0};
  };

  const int threads_;
  const std::vector<std::unique_ptr<Step>>* steps_ = nullptr;
  Slots slots_ = nullptr;
  const std::vector<Buffer>* scratch_ = nullptr;

  // Counts the runs; a worker that sees a new number takes part in it.
  std::atomic<unsigned> run_{0};
  std::atomic<bool> must_stop_{false};
  const std::unique_ptr<Progress[]> progress_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> pool_;
};

}  // namespace edgehybrid

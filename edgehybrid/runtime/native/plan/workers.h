// Threads that share the units of each step. Between two steps they wait for each other, spinning, since a step takes
// microseconds; between two inferences they sleep after a short while.
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
  // `expected`: of arrived_, once all are through the steps before.
  void RunPart(int thread, unsigned& expected, Clock::time_point* ends);
  void WaitForAll(unsigned& expected);
  int FirstUnit(std::int64_t units, int thread) const;

  const int threads_;
  const std::vector<std::unique_ptr<Step>>* steps_ = nullptr;
  Slots slots_ = nullptr;
  const std::vector<Buffer>* scratch_ = nullptr;

  // Counts the runs; a worker that sees a new number takes part in it.
  std::atomic<unsigned> run_{0};
  std::atomic<bool> must_stop_{false};
  // How often a thread has been through a step, all together. One number, in a line of its own: the last to arrive tells
  // all others with the write that counts it. With a number for each, a step would wait for two lines to change places.
  alignas(2 * kCacheLine) std::atomic<unsigned> arrived_{0};
  alignas(2 * kCacheLine) unsigned expected_ = 0;  // by the caller's thread
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> pool_;
};

}  // namespace edgehybrid

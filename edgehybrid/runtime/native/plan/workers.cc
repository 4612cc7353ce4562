#include "plan/workers.h"

#include <cstdint>

namespace edgehybrid {

namespace {

// How long a worker looks for the next inference before it sleeps: waking up takes about as long.
constexpr auto kSpin = std::chrono::microseconds(50);
// Looks at the clock, or lets another thread have the core, only so often.
constexpr int kLooks = 256;
// Then it pauses between two looks, which may take as long as the exchange of a cache line.
constexpr int kLooksAtOnce = 32;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Workers::Workers(int threads) : threads_(threads) {
  for (int thread = 1; thread < threads_; ++thread) pool_.emplace_back(&Workers::Work, this, thread);
}

Workers::~Workers() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    must_stop_ = true;
    run_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& thread : pool_) thread.join();
}

void Workers::Run(const std::vector<std::unique_ptr<Step>>& steps, Slots slots, const std::vector<Buffer>& scratch,
                  Clock::time_point* ends) {
  steps_ = &steps;
  slots_ = slots;
  scratch_ = &scratch;
  if (threads_ > 1) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      run_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
  }
  RunPart(0, expected_, ends);
}

void Workers::Work(int thread) {
  unsigned seen = 0, expected = 0;
  while (true) {
    const auto until = Clock::now() + kSpin;
    for (int looks = 1; run_.load(std::memory_order_acquire) == seen; ++looks) {
      Pause();
      if (looks % kLooks == 0 && Clock::now() > until) {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this, seen] { return run_.load(std::memory_order_acquire) != seen; });
      }
    }
    ++seen;
    if (must_stop_) return;
    RunPart(thread, expected, nullptr);
  }
}

void Workers::RunPart(int thread, unsigned& expected, Clock::time_point* ends) {
  bool is_shared = false;
  for (std::size_t i = 0; i < steps_->size(); ++i) {
    const Step& step = *(*steps_)[i];
    const std::int64_t units = step.units();
    // The first thread has the only unit of a step, and goes from one such step to the next by itself.
    const bool was_shared = is_shared;
    is_shared = threads_ > 1 && units > 1;
    if (i > 0 && (was_shared || is_shared)) WaitForAll(expected);
    const int first = FirstUnit(units, thread), last = FirstUnit(units, thread + 1);
    if (first < last) {
      step.Run(slots_, (*scratch_)[static_cast<std::size_t>(thread)].as<std::uint8_t>(), first, last);
    }
    if (ends != nullptr) *ends++ = Clock::now();
  }
  // Nobody reads any more what the next run, or the end of them, may change.
  if (threads_ > 1) WaitForAll(expected);
}

int Workers::FirstUnit(std::int64_t units, int thread) const {
  return static_cast<int>((units * thread + threads_ - 1) / threads_);
}

void Workers::WaitForAll(unsigned& expected) {
  expected += static_cast<unsigned>(threads_);
  arrived_.fetch_add(1, std::memory_order_acq_rel);
  // Others may be a step ahead, and counts wrap around.
  for (int looks = 1; static_cast<int>(arrived_.load(std::memory_order_acquire) - expected) < 0; ++looks) {
    if (looks > kLooksAtOnce) Pause();
    if (looks % kLooks == 0) std::this_thread::yield();
  }
}

}  // namespace edgehybrid

#include "plan/workers.h"

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

Workers::Workers(int threads) : threads_(threads), through_(static_cast<std::size_t>(threads)) {
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

void Workers::Run(const std::vector<std::unique_ptr<Step>>& steps, const Schedule& schedule, Slots slots,
                  const std::vector<Buffer>& scratch, Clock::time_point* ends) {
  if (steps.empty()) return;
  steps_ = &steps;
  schedule_ = &schedule;
  slots_ = slots;
  scratch_ = &scratch;
  if (threads_ > 1) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      run_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
  }
  const unsigned before = through_[0].steps.load(std::memory_order_relaxed);
  RunPart(0, before, ends);
  // Nobody reads any more what the next run, or the end of them, may change.
  for (int thread = 1; thread < threads_; ++thread) WaitFor(thread, before + static_cast<unsigned>(steps.size()));
  if (ends != nullptr) ends[steps.size() - 1] = Clock::now();
}

void Workers::Work(int thread) {
  unsigned seen = 0;
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
    const unsigned before = through_[static_cast<std::size_t>(thread)].steps.load(std::memory_order_relaxed);
    const unsigned behind = before + static_cast<unsigned>(steps_->size());
    RunPart(thread, before, nullptr);
    // The time to sleep begins when all is done, and not when this thread has nothing to do.
    WaitFor(0, behind);
  }
}

void Workers::RunPart(int thread, unsigned before, Clock::time_point* ends) {
  const auto t = static_cast<std::size_t>(thread);
  const PartOfThread& part = (*schedule_)[t];
  auto* scratch = (*scratch_)[t].as<std::uint8_t>();
  const Wait* wait = part.waits.data();
  unsigned through = before;
  for (const Turn& turn : part.turns) {
    for (const Wait* end = wait + turn.waits; wait < end; ++wait) WaitFor(wait->thread, before + wait->steps);
    if (turn.first_unit < turn.last_unit) turn.step->Run(slots_, scratch, turn.first_unit, turn.last_unit);
    if (!turn.ends_step) continue;
    through_[t].steps.store(++through, std::memory_order_release);
    if (ends != nullptr) *ends++ = Clock::now();
  }
}

void Workers::WaitFor(int thread, unsigned steps) const {
  const std::atomic<unsigned>& through = through_[static_cast<std::size_t>(thread)].steps;
  // It may be further, and counts wrap around.
  for (int looks = 1; static_cast<int>(through.load(std::memory_order_acquire) - steps) < 0; ++looks) {
    if (looks > kLooksAtOnce) Pause();
    if (looks % kLooks == 0) std::this_thread::yield();
  }
}

}  // namespace edgehybrid

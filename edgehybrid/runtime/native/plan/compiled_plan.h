// Steps with the memory that they work in.
#pragma once

#include <memory>
#include <vector>

#include "base/buffer.h"
#include "plan/plan.h"
#include "plan/schedule.h"
#include "plan/step.h"
#include "plan/workers.h"

namespace edgehybrid {

class CompiledPlan final : public Plan {
 public:
  // The images of a batch run one after the other.
  CompiledPlan(int threads, int images, Profile* profile)
      : workers_(threads), images_(images), profile_(profile) {}

  void Run(const std::vector<const void*>& inputs, const std::vector<void*>& outputs) override;

  // For a test that runs the units in another order. The slots are those of the last image.
  const Schedule& schedule() const { return schedule_; }
  Slots slots() const { return slots_.data(); }
  const std::vector<Buffer>& scratch() const { return scratch_; }

  // While it is compiled:

  void Add(std::unique_ptr<Step> step) { steps_.push_back(std::move(step)); }
  // A place for the address of one image of a host's tensor, in the order of Graph::inputs and then Graph::outputs.
  int AddInput(std::int64_t image_bytes);
  int AddOutput(std::int64_t image_bytes);
  int AddBuffer(std::size_t bytes);
  // The steps since the last part run these nodes.
  void EndPart(std::vector<int> nodes);
  // No step is added after it.
  void Finish();

 private:
  struct HostTensor {
    std::size_t slot;
    std::int64_t image_bytes;
  };
  int AddSlot(std::uint8_t* address);
  // Adds an image's times to those of its run.
  void AddTimes(Clock::time_point began);

  Workers workers_;
  int images_;
  std::vector<std::unique_ptr<Step>> steps_;
  Schedule schedule_;
  std::vector<std::uint8_t*> slots_;
  std::vector<HostTensor> inputs_, outputs_;
  std::vector<Buffer> buffers_, scratch_;

  Profile* profile_;  // null: nobody asks
  std::vector<std::size_t> part_ends_;  // steps up to the end of each part
  std::vector<Clock::time_point> step_ends_;
};

}  // namespace edgehybrid

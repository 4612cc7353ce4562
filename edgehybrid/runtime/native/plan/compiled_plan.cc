#include "plan/compiled_plan.h"

#include <algorithm>
#include <utility>

namespace edgehybrid {

void CompiledPlan::Run(const std::vector<const void*>& inputs, const std::vector<void*>& outputs) {
  if (profile_ != nullptr) {
    for (ProfiledPart& part : *profile_) part.runs_ns.push_back(0);
  }
  for (std::int64_t image = 0; image < images_; ++image) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      // Steps only read it; a slot is a slot.
      auto* base = const_cast<std::uint8_t*>(static_cast<const std::uint8_t*>(inputs[i]));
      slots_[inputs_[i].slot] = base + image * inputs_[i].image_bytes;
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      slots_[outputs_[i].slot] = static_cast<std::uint8_t*>(outputs[i]) + image * outputs_[i].image_bytes;
    }
    if (profile_ == nullptr) {
      workers_.Run(steps_, schedule_, slots_.data(), scratch_, nullptr);
    } else {
      const Clock::time_point began = Clock::now();
      workers_.Run(steps_, schedule_, slots_.data(), scratch_, step_ends_.data());
      AddTimes(began);
    }
  }
}

void CompiledPlan::AddTimes(Clock::time_point began) {
  for (std::size_t part = 0; part < part_ends_.size(); ++part) {
    const Clock::time_point ended = part_ends_[part] == 0 ? began : step_ends_[part_ends_[part] - 1];
    (*profile_)[part].runs_ns.back() += std::chrono::nanoseconds(ended - began).count();
    began = ended;
  }
}

int CompiledPlan::AddSlot(std::uint8_t* address) {
  slots_.push_back(address);
  return static_cast<int>(slots_.size()) - 1;
}

int CompiledPlan::AddInput(std::int64_t image_bytes) {
  inputs_.push_back({slots_.size(), image_bytes});
  return AddSlot(nullptr);
}

int CompiledPlan::AddOutput(std::int64_t image_bytes) {
  outputs_.push_back({slots_.size(), image_bytes});
  return AddSlot(nullptr);
}

int CompiledPlan::AddBuffer(std::size_t bytes) {
  buffers_.emplace_back(bytes);
  return AddSlot(buffers_.back().as<std::uint8_t>());
}

void CompiledPlan::EndPart(std::vector<int> nodes) {
  if (profile_ == nullptr) return;
  profile_->push_back(ProfiledPart{std::move(nodes), {}});
  part_ends_.push_back(steps_.size());
}

void CompiledPlan::Finish() {
  schedule_ = ScheduleOf(steps_, workers_.threads());
  if (profile_ != nullptr) step_ends_.resize(steps_.size());
  std::size_t scratch = 0;
  for (const auto& step : steps_) scratch = std::max(scratch, step->scratch_bytes());
  for (int thread = 0; thread < workers_.threads(); ++thread) scratch_.emplace_back(scratch);
}

}  // namespace edgehybrid

#include "plan/reference_plan.h"

#include <chrono>
#include <utility>

#include "graph/reference.h"
#include "plan/workers.h"

namespace edgehybrid {

namespace {

class ReferencePlan final : public Plan {
 public:
  ReferencePlan(Graph graph, Profile* profile) : graph_(std::move(graph)), profile_(profile) {
    if (profile == nullptr) return;
    profile->emplace_back();
    for (std::size_t n = 0; n < graph_.nodes.size(); ++n) profile->back().nodes.push_back(static_cast<int>(n));
  }
  void Run(const std::vector<const void*>& inputs, const std::vector<void*>& outputs) override {
    const Clock::time_point began = Clock::now();
    RunReference(graph_, inputs, outputs);
    if (profile_ == nullptr) return;
    profile_->back().runs_ns.push_back(std::chrono::nanoseconds(Clock::now() - began).count());
  }

 private:
  Graph graph_;
  Profile* profile_;
};

}  // namespace

std::unique_ptr<Plan> MakeReferencePlan(const Graph& graph, Profile* profile) {
  return std::make_unique<ReferencePlan>(graph, profile);
}

}  // namespace edgehybrid

// Random graphs, compiled for every instruction set and several numbers of threads, against the reference: the same
// numbers to the bit, but for the sign of zero and of what is not a number.
//
// Usage: plan_test [graphs] [seed]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>

#include "graph/reference.h"
#include "kernels/kernels.h"
#include "plan/bit_planes.h"
#include "plan/plan.h"
#include "plan/random_layers.h"
#include "plan/schedule_test.h"

namespace edgehybrid {
namespace {

using Outputs = std::vector<std::vector<std::uint8_t>>;

// A profile has each node in one part, and a time for each run.
void RequireAllNodesOnce(const Profile& profile, std::size_t nodes, std::size_t runs) {
  std::vector<int> seen(nodes, 0);
  for (const ProfiledPart& part : profile) {
    for (const int node : part.nodes) ++seen[static_cast<std::size_t>(node)];
    if (part.runs_ns.size() != runs) throw std::logic_error("a part lacks a run");
  }
  if (std::count(seen.begin(), seen.end(), 1) != static_cast<std::ptrdiff_t>(nodes)) {
    throw std::logic_error("a profile lacks a node, or has it twice");
  }
}

// `random`, which may be null, disturbs the order of the last run.
Outputs RunPlan(const Graph& graph, const std::vector<float>& input, int threads, Isa isa, Random* random) {
  Outputs outputs;
  std::vector<void*> places;
  for (const int value : graph.outputs) {
    outputs.emplace_back(static_cast<std::size_t>(BytesOf(graph.values[static_cast<std::size_t>(value)])), 0xaa);
  }
  for (auto& output : outputs) places.push_back(output.data());
  Profile profile;
  const std::unique_ptr<Plan> plan = Compile(graph, threads, isa, threads > 1 ? &profile : nullptr);
  // Twice: nothing of the first run, on other numbers, may be left in the second.
  std::vector<float> held = input;
  for (float& x : held) x = 1 - x;
  plan->Run({held.data()}, places);
  std::copy(input.begin(), input.end(), held.begin());
  for (auto& output : outputs) std::fill(output.begin(), output.end(), std::uint8_t{0x55});
  if (random != nullptr) {
    RunByChance(dynamic_cast<const CompiledPlan&>(*plan), *random);
    return outputs;
  }
  plan->Run({held.data()}, places);
  if (threads > 1) RequireAllNodesOnce(profile, graph.nodes.size(), 2);
  return outputs;
}

bool IsSame(const Outputs& a, const Outputs& b, const Graph& graph) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (graph.values[static_cast<std::size_t>(graph.outputs[i])].type != Type::kFloat32) {
      if (a[i] != b[i]) {
        std::printf("output %zu differs in its bits\n", i);
        return false;
      }
      continue;
    }
    const auto* x = reinterpret_cast<const float*>(a[i].data());
    const auto* y = reinterpret_cast<const float*>(b[i].data());
    for (std::size_t k = 0; k < a[i].size() / sizeof(float); ++k) {
      if (x[k] != y[k] && !(std::isnan(x[k]) && std::isnan(y[k]))) {
        std::printf("output %zu, element %zu: %g, not %g\n", i, k, x[k], y[k]);
        return false;
      }
    }
  }
  return true;
}

// Names the first node that is wrong when the graph ends with it, in the usual order.
void Explain(const Graph& graph, const std::vector<float>& input, int threads, Isa isa) {
  Graph part = graph;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    part.nodes.assign(graph.nodes.begin(), graph.nodes.begin() + static_cast<std::ptrdiff_t>(n) + 1);
    part.outputs = node.outputs;
    const bool is_same = IsSame(RunPlan(part, input, threads, isa, nullptr),
                                RunPlan(part, input, 1, Isa::kReference, nullptr), part);
    std::printf("  node %zu, op %d, activation %d, stride %d %d, dilation %d, padding %d %d:", n, static_cast<int>(node.op),
                static_cast<int>(node.activation), node.stride_h, node.stride_w, node.dilation_h,
                static_cast<int>(node.padding), node.pads_with_one);
    for (const int in : node.inputs) {
      if (in < 0) continue;
      const Shape& s = graph.values[static_cast<std::size_t>(in)].shape;
      std::printf(" %d (%d %d %d %d)", in, s.n, s.h, s.w, s.c);
    }
    std::printf(" -> %d %s\n", node.outputs[0], is_same ? "" : "WRONG");
  }
}

bool CanRun(Isa isa) {
  try {
    return KernelsOf(isa) != nullptr && KernelsOf(isa)->bconv != nullptr && IsaNamed(NameOf(isa)) == isa;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

// For every number of signs and of negative ones among them.
bool BitsOfLevelsAreRight() {
  for (int bits = 1; bits <= kMostBits; ++bits) {
    const int most = (1 << bits) - 1;
    for (int negative = 0; negative <= most; ++negative) {
      int number = 0;
      for (int bit = 0; bit < bits; ++bit) {
        for (const int rank : RanksOf(bit, most)) number ^= (negative >= rank ? 1 : 0) << bit;
      }
      if (number == negative) continue;
      std::printf("%d of %d signs are packed as %d\n", negative, most, number);
      return false;
    }
  }
  return true;
}

int Main(int graphs, unsigned seed) {
  std::printf("seed %u\n", seed);
  int ran[8] = {}, fused = 0, disturbed = 0;
  for (int g = 0; g < graphs; ++g) {
    RandomLayers builder(seed + static_cast<unsigned>(g));
    const Graph graph = builder.Build();
    if (graph.outputs.empty()) continue;
    Random random(seed + static_cast<unsigned>(g));
    std::vector<float> input(static_cast<std::size_t>(graph.values[static_cast<std::size_t>(graph.inputs[0])].shape.size()));
    for (float& x : input) x = random.Chance(0.05) ? (random.Chance(0.5) ? 0.0f : -0.0f) : random.Normal();
    const int sums = static_cast<int>(BitPlanes(Reading(graph)).sums());
    if (builder.expected_sums() >= 0 && sums != builder.expected_sums()) {
      std::printf("graph %d (seed %u): %d sums of several bits, not %d\n", g, seed + static_cast<unsigned>(g), sums,
                  builder.expected_sums());
      return 1;
    }
    fused += sums;
    const Outputs expected = RunPlan(graph, input, 1, Isa::kReference, nullptr);
    const bool is_one = graph.values[static_cast<std::size_t>(graph.inputs[0])].shape.n == 1;
    for (const Isa isa : {Isa::kPortable, Isa::kNeon, Isa::kAvx2, Isa::kAvx512}) {
      if (!CanRun(isa)) continue;
      for (const int threads : {1, 2, 3}) {
        for (Random* order : {static_cast<Random*>(nullptr), &random}) {
          // The plan's slots are those of the last image.
          if (order != nullptr && (threads == 1 || !is_one)) continue;
          ++ran[static_cast<int>(isa)];
          disturbed += order != nullptr;
          if (IsSame(RunPlan(graph, input, threads, isa, order), expected, graph)) continue;
          std::printf("graph %d (seed %u), %s, %d threads%s: results differ\n", g, seed + static_cast<unsigned>(g),
                      NameOf(isa), threads, order == nullptr ? "" : ", in another order");
          Explain(graph, input, threads, isa);
          return 1;
        }
      }
    }
  }
  for (const Isa isa : {Isa::kPortable, Isa::kNeon, Isa::kAvx2, Isa::kAvx512}) {
    std::printf("%s: %d runs\n", NameOf(isa), ran[static_cast<int>(isa)]);
  }
  std::printf("%d graphs, %d sums of several bits, %d runs in another order\n", graphs, fused, disturbed);
  const bool has_run = ran[static_cast<int>(Isa::kPortable)] > 0 && fused > 0 && disturbed > 0;
  return has_run && BitsOfLevelsAreRight() && SchedulesAreRight(seed) ? 0 : 1;
}

}  // namespace
}  // namespace edgehybrid

int main(int count, char** words) {
  const int graphs = count > 1 ? std::atoi(words[1]) : 300;
  const unsigned seed = count > 2 ? static_cast<unsigned>(std::atoi(words[2])) : std::random_device()();
  return edgehybrid::Main(graphs, seed);
}

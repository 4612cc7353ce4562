// How fast each kernel is on this core, as JSON lines: {"isa", "kernel", "shape", "unit", "per_cycle"}.
//
//     kernels_bench [rounds]
//
// A cycle is a step of a chain of dependent additions, which no core of ours makes shorter or longer. Each round times
// that chain and every kernel for some 100 µs each, so that all see the same clock. The least time of all rounds
// counts, which leaves out those that another program disturbed.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "base/buffer.h"
#include "kernels/bconv2d/bits.h"
#include "kernels/kernels.h"

namespace edgehybrid {
namespace {

// One entry for `isa` and one for each kernel: who adds a kernel adds its benchmark.
static_assert(sizeof(Kernels) == 11 * sizeof(void*), "a kernel of the list has no benchmark here");

constexpr double kSampleNs = 100e3;

double NsOf(const std::function<void()>& run, int times) {
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) run();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began).count() / times;
}

constexpr int kChainCycles = 64000;
void Chain() {
  std::uint64_t sum = 1, step = 3;
  for (int i = 0; i < kChainCycles / 64; ++i) {
#if defined(__x86_64__)
#define EDGEHYBRID_ADD "add %1, %0\n"
#elif defined(__aarch64__)
#define EDGEHYBRID_ADD "add %0, %0, %1\n"
#endif
#define EDGEHYBRID_ADD_8 \
  EDGEHYBRID_ADD EDGEHYBRID_ADD EDGEHYBRID_ADD EDGEHYBRID_ADD \
  EDGEHYBRID_ADD EDGEHYBRID_ADD EDGEHYBRID_ADD EDGEHYBRID_ADD
    __asm__ volatile(EDGEHYBRID_ADD_8 EDGEHYBRID_ADD_8 EDGEHYBRID_ADD_8 EDGEHYBRID_ADD_8 EDGEHYBRID_ADD_8
                         EDGEHYBRID_ADD_8 EDGEHYBRID_ADD_8 EDGEHYBRID_ADD_8
                     : "+r"(sum)
                     : "r"(step));
  }
}

// One kernel in one shape.
struct Bench {
  std::string isa, kernel, shape;
  const char* unit;   // what `amount` counts
  double amount;      // of one run
  std::function<void()> run;
  int times = 1;
  double ns = std::numeric_limits<double>::infinity();
};

// Buffers of zeros: no kernel here takes longer for other values, denormals left out.
template <typename T>
T* Zeros(std::vector<Buffer>& kept, std::ptrdiff_t count) {
  kept.emplace_back(static_cast<std::size_t>(count) * sizeof(T));
  return kept.back().as<T>();
}

std::vector<std::int32_t> Steps(int count, int step) {
  std::vector<std::int32_t> all;
  for (int i = 0; i < count; ++i) all.push_back(i * step);
  return all;
}

std::string Text(int a, const char* unit, int b = 0, const char* other = "") {
  return std::to_string(a) + unit + (b != 0 ? ", " + std::to_string(b) + other : "");
}

void AddBenches(const Kernels& k, std::vector<Bench>& all, std::vector<Buffer>& kept) {
  constexpr int kPixels = 32;
  const auto add = [&](const char* kernel, const std::string& shape, const char* unit, double amount,
                       std::function<void()> run) {
    all.push_back({NameOf(k.isa), kernel, shape, unit, amount, std::move(run)});
  };
  for (const Bits& bits : kBits) {
    // 3×3 windows: channels in, words of a window, groups of 16 channels out. A narrow window has two taps a word.
    for (const auto& shape : {std::array{16, 5, 1}, {32, 9, 2}, {64, 18, 4}, {128, 36, 4}}) {
      const int channels = shape[0], words = shape[1], groups = shape[2];
      const auto pixel_offsets = Steps(kPixels, 4);
      const auto word_offsets = Steps(bits.activation * words, channels == 16 ? 4 * kPixels : 4);
      const auto passes = PassesOf(bits);
      const auto* input = Zeros<std::uint8_t>(kept, 4 * kPixels * (1 + bits.activation * words));
      const auto* weights = Zeros<std::uint32_t>(kept, groups * bits.weight * words * kLanes);
      auto* sums = Zeros<std::int32_t>(kept, kPixels * groups * kLanes);
      add(bits.name, Text(channels, " channels", words, " words"), "MAC", 32.0 * kPixels * words * groups * kLanes,
          [=, &k] {
            k.bconv({input, pixel_offsets.data(), kPixels, word_offsets.data(), words, weights, bits.weight, groups,
                     passes.data(), static_cast<int>(passes.size()), sums, groups * kLanes});
          });
    }
  }
  for (const auto& shape : {std::array{27, 1}, {32, 4}, {144, 2}}) {
    const int inputs = shape[0], groups = shape[1];
    const auto pixel_offsets = Steps(kPixels, 3), input_offsets = Steps(inputs, 1);
    const auto* input = Zeros<float>(kept, 3 * kPixels + inputs);
    const auto* weights = Zeros<float>(kept, groups * inputs * kLanes);
    const auto* bias = Zeros<float>(kept, groups * kLanes);
    auto* sums = Zeros<float>(kept, kPixels * groups * kLanes);
    add("conv", Text(inputs, " inputs", groups * kLanes, " channels"), "MAC", 1.0 * kPixels * inputs * groups * kLanes,
        [=, &k] {
          k.conv({input, pixel_offsets.data(), kPixels, input_offsets.data(), inputs, weights, bias, groups, sums,
                  groups * kLanes});
        });
  }
  {
    constexpr int kVectors = 36, kChannels = 4;
    const auto pixel_offsets = Steps(kPixels, 4 * kLanes), vector_offsets = Steps(kVectors, kLanes);
    const auto* input = Zeros<float>(kept, (4 * kPixels + kVectors) * kLanes);
    const auto* weights = Zeros<float>(kept, kChannels * kVectors * kLanes);
    const auto* bias = Zeros<float>(kept, kChannels);
    auto* sums = Zeros<float>(kept, kPixels * kLanes);
    add("dot", "9 places of 64, 4 channels", "MAC", 1.0 * kPixels * kVectors * kLanes * kChannels, [=, &k] {
      k.dot({input, pixel_offsets.data(), kPixels, vector_offsets.data(), kVectors, weights, bias, kChannels, sums,
             kLanes});
    });
  }
  {
    constexpr int kTaps = 9, kGroups = 4;
    const auto tap_offsets = Steps(kTaps, kGroups * kLanes), tap_numbers = Steps(kTaps, 1);
    const auto* input = Zeros<float>(kept, kTaps * kGroups * kLanes);
    const auto* weights = Zeros<float>(kept, kTaps * kGroups * kLanes);
    const auto* bias = Zeros<float>(kept, kGroups * kLanes);
    auto* sums = Zeros<float>(kept, kGroups * kLanes);
    for (const auto& [name, kernel, unit] : {std::tuple{"depthwise", k.depthwise, "MAC"},
                                             {"max_pool", k.max_pool, "value"},
                                             {"average_pool", k.average_pool, "value"}}) {
      add(name, "9 places, 64 channels", unit, 1.0 * kTaps * kGroups * kLanes, [=, kernel = kernel] {
        kernel({input, tap_offsets.data(), tap_numbers.data(), kTaps, weights, bias, kTaps, kGroups, sums});
      });
    }
  }
  // Operations and their maps, of a row of pixels and one group.
  const auto operations = [&](const std::vector<Micro>& kinds) {
    std::pair<std::vector<MicroOp>, std::vector<MapRows>> all_of;
    for (const Micro kind : kinds) {
      all_of.first.push_back({kind, Zeros<float>(kept, kLanes), nullptr, 0, 6, kLanes,
                              kind == Micro::kPack ? 2 : kLanes * 4});
      all_of.second.push_back({Zeros<std::uint8_t>(kept, kPixels * kLanes * 4)});
    }
    return all_of;
  };
  const auto add_program = [&](const char* shape, const std::vector<Micro>& kinds) {
    const auto [ops, maps] = operations(kinds);
    const auto* strip = Zeros<std::int32_t>(kept, kPixels * kLanes);
    const auto count = static_cast<int>(ops.size());
    const ProgramKernel kernel = k.program(ops.data(), count, true);
    add("program", shape, "value", kPixels * kLanes, [=, ops = ops, maps = maps] {
      kernel({strip, kLanes, 1, kPixels, 0, 1, ops.data(), maps.data(), count});
    });
  };
  const std::vector<Micro> residual{Micro::kScale, Micro::kBias, Micro::kRelu, Micro::kAddMap, Micro::kPack, Micro::kStore};
  add_program("scale, bias, relu, add, pack, store", residual);
  const auto [ops, maps] = operations(residual);
  const auto count = static_cast<int>(ops.size());
  for (const int words : {kHalvedWords, kWholeWords}) {
    const NarrowKernel kernel = k.narrow(ops.data(), count, words);
    if (kernel == nullptr) continue;
    const int step = words == kHalvedWords ? 2 : 4;
    const auto* input = Zeros<std::uint8_t>(kept, 4 * (kPixels + 2));
    const auto* weights = Zeros<std::uint32_t>(kept, words * kLanes);
    // Beside counting, all that the program above does; many rows, as a layer has, for its vectors are loaded once.
    constexpr int kRows = 32;
    const auto* joined = Zeros<std::uint32_t>(kept, kRows * kPixels);
    add("narrow", Text(step * 8, " channels, with what follows"), "MAC", 32.0 * kRows * kPixels * words * kLanes,
        [=, ops = ops, maps = maps] {
          kernel({input, 0, step, {0, 2, 0}, {joined, joined}, weights,
                  {nullptr, 0, kRows, kPixels, 0, 1, ops.data(), maps.data(), count}});
        });
  }
  add_program("scale, bias, pack", {Micro::kScale, Micro::kBias, Micro::kPack});
  add_program("relu, add, relu, pack; interpreted", {Micro::kRelu, Micro::kAddMap, Micro::kRelu, Micro::kPack});
  {
    const auto *sums = Zeros<std::int32_t>(kept, kPixels * kLanes), *thresholds = Zeros<std::int32_t>(kept, kLanes);
    const auto* flips = Zeros<std::uint16_t>(kept, 1);
    auto* bits = Zeros<std::uint8_t>(kept, 2 * kPixels);
    add("threshold", "16 channels", "value", kPixels * kLanes,
        [=, &k] { k.threshold({sums, kLanes, 1, kPixels, 0, 1, thresholds, flips, {bits}, 2}); });
    const auto *low = Zeros<std::uint8_t>(kept, 2 * kPixels), *high = Zeros<std::uint8_t>(kept, 2 * kPixels);
    auto* words = Zeros<std::uint32_t>(kept, kPixels);
    add("join", "32 pixels", "word", kPixels, [=, &k] { k.join({low, high, 0, 1, 1, kPixels, words}); });
  }
}

void Main(int rounds) {
  std::vector<Bench> all;
  std::vector<Buffer> kept;
  for (const Isa isa : {Isa::kPortable, Isa::kNeon, Isa::kAvx2, Isa::kAvx512}) {
    const Kernels* kernels = KernelsOf(isa);
    if (kernels != nullptr && isa <= BestIsa()) AddBenches(*kernels, all, kept);
  }
  Bench chain{"", "", "", "cycle", kChainCycles, Chain};
  std::vector<Bench*> order{&chain};
  for (Bench& bench : all) order.push_back(&bench);
  for (Bench* bench : order) {
    bench->times = std::max(1, static_cast<int>(kSampleNs / std::max(1.0, NsOf(bench->run, 20))));
  }
  for (int round = 0; round < rounds; ++round) {
    for (Bench* bench : order) bench->ns = std::min(bench->ns, NsOf(bench->run, bench->times));
  }
  const double ns_a_cycle = chain.ns / chain.amount;
  std::printf("{\"ghz\": %.3f, \"rounds\": %d}\n", 1 / ns_a_cycle, rounds);
  for (const Bench& bench : all) {
    std::printf("{\"isa\": \"%s\", \"kernel\": \"%s\", \"shape\": \"%s\", \"unit\": \"%s\", \"per_cycle\": %.2f}\n",
                bench.isa.c_str(), bench.kernel.c_str(), bench.shape.c_str(), bench.unit,
                bench.amount / (bench.ns / ns_a_cycle));
  }
}

}  // namespace
}  // namespace edgehybrid

int main(int argc, char** argv) { edgehybrid::Main(argc > 1 ? std::atoi(argv[1]) : 100); }

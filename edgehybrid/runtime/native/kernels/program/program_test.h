// Sequences of small operations, and thresholds, one value at a time.
#pragma once

#include "kernels/kernel_test.h"

namespace edgehybrid {

class ProgramTest : public KernelTest {
 public:
  using KernelTest::KernelTest;

  void Run() {
    Section("program, compiled", [this] { CompiledPrograms(); });
    Section("program, interpreted", [this] { InterpretedPrograms(); });
    Section("threshold", [this] { Threshold(); });
  }

 protected:
  static bool ReadsMap(Micro kind) {
    return kind == Micro::kAddMap || kind == Micro::kBiasPart || kind == Micro::kSubMap || kind == Micro::kMulMap;
  }
  static bool IsPack(Micro kind) { return kind == Micro::kPack || kind == Micro::kPackXor; }
  static bool WritesMap(Micro kind) { return kind == Micro::kStore || kind == Micro::kStorePart; }

  // No count is used as it is.
  static bool IsOfCounts(const std::vector<Micro>& kinds) {
    return kinds[0] == Micro::kClamp || kinds[0] == Micro::kScale || kinds[0] == Micro::kBias;
  }
  static bool WritesBytes(Micro kind) { return IsPack(kind) || kind == Micro::kStoreInt8; }

  // Operations with their vectors and maps, all of one size.
  struct Operation {
    Micro kind;
    std::vector<float> a;
    std::vector<std::int32_t> signs;
    float low, high;
    std::vector<float> map;          // [pixel][step], for those that read or write one
    std::vector<std::uint8_t> bits;  // [pixel][step], for kPack, kPackXor and kStoreInt8
    int step;                        // in entries
    int channels;                    // of the map, for those that say so
  };

  float Computed(std::vector<Operation>& operations, float f, int p, int channel) {
    for (Operation& op : operations) {
      const auto c = static_cast<std::size_t>(channel), place = static_cast<std::size_t>(p * op.step) + c;
      switch (op.kind) {
        case Micro::kScale: f = f * op.a[c]; break;
        case Micro::kBias: f = f + op.a[c]; break;
        case Micro::kRelu: f = 0.0f > f ? 0.0f : f; break;
        case Micro::kClamp: f = op.low > f ? op.low : f, f = op.high < f ? op.high : f; break;
        case Micro::kPrelu: f = f < 0 ? f * op.a[c] : f; break;
        case Micro::kAddMap: f = f + op.map[place]; break;
        case Micro::kBiasPart: f = f + (channel < op.channels ? op.map[place] : op.a[c]); break;
        case Micro::kSubMap: f = f - op.map[place]; break;
        case Micro::kMulMap: f = f * op.map[place]; break;
        case Micro::kStore: op.map[place] = f; break;
        case Micro::kStorePart:
          if (channel < op.channels) op.map[place] = f;
          break;
        case Micro::kStoreInt8: {
          const float rounded = std::isnan(f) || f < -128 ? -128.0f : f > 127 ? 127.0f : std::round(f);
          if (channel < op.channels) op.bits[place] = static_cast<std::uint8_t>(static_cast<int>(rounded));
          break;
        }
        case Micro::kPack:
        case Micro::kPackXor: {
          std::uint8_t& byte = op.bits[static_cast<std::size_t>(p * op.step + channel / 8)];
          const int before = op.kind == Micro::kPackXor ? byte >> channel % 8 & 1 : 0;
          const bool flips = !op.signs.empty() && op.signs[c] != 0;
          const int bit = ((flips ? -f : f) < op.a[c] ? 1 : 0) ^ before;
          byte = static_cast<std::uint8_t>((byte & ~(1 << channel % 8)) | bit << channel % 8);
          break;
        }
      }
    }
    return f;
  }

  // Sized for maps of so many pixels. Maps of one kind have one step, or each its own.
  std::vector<Operation> RandomOperations(const std::vector<Micro>& kinds, int channels, int map_pixels, bool are_alike) {
    const int all = GroupsOf(channels), lanes = all * kLanes, common = dice_.Within(0, 3);
    const bool has_flips = dice_.Within(0, 1) == 1;
    std::vector<Operation> operations;
    for (const Micro kind : kinds) {
      Operation op{kind, Sized<float>(lanes), {}, 0, 0, {}, {}, 0, channels};
      const int rarity = dice_.OneOf(std::vector<int>{0, 3, 20});
      Fill(op.a, rarity);
      // Of some, or of none: then there is no vector.
      if (has_flips && IsPack(kind) && dice_.Within(0, 3) != 0) op.signs = Sized<std::int32_t>(lanes);
      for (std::int32_t& sign : op.signs) sign = dice_.Within(0, 1) == 1 ? std::numeric_limits<std::int32_t>::min() : 0;
      op.low = Value(0);
      op.high = op.low + std::fabs(Value(0));
      if (dice_.Within(0, 3) == 0) op.low = 0, op.high = 6;
      if (kind == Micro::kBiasPart) op.channels = dice_.Within(1, channels);
      const bool is_part = kind == Micro::kBiasPart || kind == Micro::kStorePart || kind == Micro::kStoreInt8;
      op.step = (is_part ? op.channels : IsPack(kind) ? 2 * all : lanes) + (are_alike ? common : dice_.Within(0, 3));
      if (ReadsMap(kind) || WritesMap(kind)) op.map = Sized<float>(map_pixels * op.step + kLanes), Fill(op.map, rarity);
      if (WritesBytes(kind)) op.bits = Sized<std::uint8_t>(map_pixels * op.step), Fill(op.bits);
      operations.push_back(op);
    }
    return operations;
  }

  // For a kernel: operations, and maps whose rows lie so many pixels apart.
  static std::pair<std::vector<MicroOp>, std::vector<MapRows>> Bound(std::vector<Operation>& operations, int row) {
    std::vector<MicroOp> ops;
    std::vector<MapRows> maps;
    for (Operation& op : operations) {
      const bool writes_bytes = WritesBytes(op.kind), has_map = writes_bytes || !op.map.empty();
      const std::ptrdiff_t step = op.step * static_cast<std::ptrdiff_t>(writes_bytes ? 1 : sizeof(float));
      std::uint8_t* base = writes_bytes ? op.bits.data() : reinterpret_cast<std::uint8_t*>(op.map.data());
      ops.push_back(MicroOp{op.kind, op.a.data(), op.signs.empty() ? nullptr : op.signs.data(), op.low, op.high,
                            op.channels, has_map ? step : 0});
      maps.push_back({base, step * row});
    }
    return {ops, maps};
  }

  void CompareMaps(const std::vector<Operation>& actual, const std::vector<Operation>& expected, const std::string& what) {
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const std::string place = what + ", operation " + std::to_string(i);
      if (!actual[i].map.empty()) Compare(actual[i].map, expected[i].map, place);
      if (!actual[i].bits.empty()) Compare(actual[i].bits, expected[i].bits, place);
    }
  }

  static std::string Listed(const std::vector<Micro>& kinds) {
    std::string text;
    for (const Micro kind : kinds) text += " " + std::to_string(static_cast<int>(kind));
    return text;
  }

  // Those that get a loop of their own.
  static std::vector<std::vector<Micro>> CompiledSequences() {
#include "kernels/program/sequence_names.inc"
    return {
#define EDGEHYBRID_SEQUENCE(...) {__VA_ARGS__},
#include "kernels/program/sequences.inc"
#undef EDGEHYBRID_SEQUENCE
    };
  }

 private:
  // A sequence of the list is compiled for maps that are alike.
  void ProgramCase(const std::vector<Micro>& kinds, bool is_listed, bool are_alike) {
    const int channels = dice_.OneOf(channels_), all = GroupsOf(channels);
    const int first = dice_.Within(0, all - 1), groups = dice_.Within(1, all - first);
    const int rows = dice_.Within(1, 3), row_pixels = dice_.Within(1, 40), pixels = rows * row_pixels;
    const int stride = groups * kLanes + dice_.Within(0, 20);
    // Between two rows of a map.
    const int gap = dice_.Within(0, 2), map_pixels = rows * (row_pixels + gap);
    const bool from_ints = dice_.Within(0, 1) == 1;
    auto ints = Sized<std::int32_t>(pixels * stride);
    auto floats = Sized<float>(pixels * stride);
    const int bits = dice_.Within(1, 30);
    for (std::int32_t& sum : ints) sum = dice_.Within(-(1 << bits), 1 << bits);
    Fill(floats, 4);

    std::vector<Operation> operations = RandomOperations(kinds, channels, map_pixels, are_alike);
    std::vector<Operation> expected = operations;
    for (int p = 0; p < pixels; ++p) {
      for (int lane = 0; lane < groups * kLanes; ++lane) {
        const auto place = static_cast<std::size_t>(p * stride + lane);
        const float f = from_ints ? static_cast<float>(ints[place]) : floats[place];
        Computed(expected, f, p + p / row_pixels * gap, first * kLanes + lane);
      }
    }

    const auto [ops, maps] = Bound(operations, row_pixels + gap);
    const int count = static_cast<int>(ops.size());
    const ProgramKernel kernel = kernels_.program(ops.data(), count, from_ints);
    const void* strip = from_ints ? static_cast<const void*>(ints.data()) : floats.data();
    const std::string what = Case({{"channels", channels}, {"first group", first}, {"groups", groups},
                                   {"rows", rows}, {"pixels", row_pixels}, {"from ints", from_ints}}) + " operations" + Listed(kinds);
    if (is_listed && are_alike && (IsOfCounts(kinds) || !from_ints) && kernel == Interpreter(from_ints)) {
      std::printf("%s: interpreted, though it has a kernel of its own\n", what.c_str());
      is_good_ = false;
    }
    kernel({strip, stride, rows, row_pixels, first, groups, ops.data(), maps.data(), count});
    CompareMaps(operations, expected, what);
  }

  // What runs a sequence that nobody would list.
  ProgramKernel Interpreter(bool from_ints) const {
    const std::vector<MicroOp> ops(23, MicroOp{Micro::kRelu});
    return kernels_.program(ops.data(), static_cast<int>(ops.size()), from_ints);
  }

  void CompiledPrograms() {
    const std::vector<std::vector<Micro>> all = CompiledSequences();
    for (int number = 0; number < 16; ++number) {
      for (const std::vector<Micro>& kinds : all) ProgramCase(kinds, true, number % 4 != 0);
    }
  }

  void InterpretedPrograms() {
    const std::vector<Micro> all{
#define EDGEHYBRID_MICRO(kind) Micro::kind,
#include "kernels/program/micros.inc"
#undef EDGEHYBRID_MICRO
    };
    // Each operation alone, then any up to the longest program.
    for (const Micro kind : all) {
      for (int number = 0; number < 8; ++number) ProgramCase({kind, Micro::kStore, Micro::kRelu, Micro::kRelu}, false, false);
    }
    for (int number = 0; number < 200; ++number) {
      std::vector<Micro> kinds;
      for (int i = dice_.Within(1, 24); i > 0; --i) kinds.push_back(dice_.OneOf(all));
      ProgramCase(kinds, false, false);
    }
  }

  void Threshold() {
    for (int number = 0; number < 400; ++number) {
      const int channels = dice_.OneOf(channels_), all = GroupsOf(channels);
      const int first = dice_.Within(0, all - 1), groups = dice_.Within(1, all - first);
      const int rows = dice_.Within(1, 3), row_pixels = dice_.Within(1, 40), pixels = rows * row_pixels;
      const int stride = groups * kLanes + dice_.Within(0, 20), gap = dice_.Within(0, 2);
      const int step = 2 * all + dice_.Within(0, 3);
      auto sums = Sized<std::int32_t>(pixels * stride), thresholds = Sized<std::int32_t>(all * kLanes);
      auto flips = Sized<std::uint16_t>(all);
      Fill(flips);
      // Near each other, so that equal ones are among them; and the limits of the type.
      const std::vector<std::int32_t> limits{std::numeric_limits<std::int32_t>::min(),
                                             std::numeric_limits<std::int32_t>::max()};
      for (auto* values : {&sums, &thresholds}) {
        for (std::int32_t& value : *values) value = dice_.Within(0, 9) == 0 ? dice_.OneOf(limits) : dice_.Within(-3, 3);
      }
      auto expected = Sized<std::uint8_t>(rows * (row_pixels + gap) * step);
      Fill(expected);
      auto actual = expected;
      for (int p = 0; p < pixels; ++p) {
        for (int lane = 0; lane < groups * kLanes; ++lane) {
          const int c = first * kLanes + lane, flip = flips[static_cast<std::size_t>(c / kLanes)] >> c % kLanes & 1;
          const std::int32_t sum = sums[static_cast<std::size_t>(p * stride + lane)];
          const bool is_greater = sum > thresholds[static_cast<std::size_t>(c)];
          std::uint8_t& byte = expected[static_cast<std::size_t>((p + p / row_pixels * gap) * step + c / 8)];
          byte = static_cast<std::uint8_t>((byte & ~(1 << c % 8)) | (is_greater ^ flip) << c % 8);
        }
      }
      kernels_.threshold({sums.data(), stride, rows, row_pixels, first, groups, thresholds.data(), flips.data(),
                          MapRows{actual.data(), std::ptrdiff_t{step} * (row_pixels + gap)}, step});
      Compare(actual, expected, Case({{"channels", channels}, {"first group", first}, {"pixels", pixels}}));
    }
  }
};

}  // namespace edgehybrid

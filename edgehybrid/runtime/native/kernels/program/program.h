// What follows a convolution, in the registers that hold its result: scale, BatchNorm, activation, the addition of the
// residual map, the store of the sum, and the bits that the next convolution reads.
//
// Each sequence of sequences.inc is compiled as a loop of its own. Any other is interpreted, operation by operation,
// with the same results.
#pragma once

#include "kernels/kernels.h"

namespace edgehybrid {
namespace EDGEHYBRID_SIMD {

constexpr bool IsPack(Micro kind) { return kind == Micro::kPack || kind == Micro::kPackXor; }

// The first lanes, cut to integers that an int8 holds.
inline void StoreBytes(std::uint8_t* place, Floats a, int lanes) {
  if (lanes == kLanes) return StoreBytes(place, a);
  std::uint8_t all[kLanes];
  StoreBytes(all, a);
  __builtin_memcpy(place, all, static_cast<std::size_t>(lanes));
}

// An operation on one group of channels: its vectors in registers, its place in its map moving along the rows.
template <Micro kKind>
struct Operation {
  Floats a, low, high;
  Ints signs;
  std::uint8_t* place;
  std::ptrdiff_t step, to_next_row;
  int lanes;

  Operation(const MicroOp& op, const MapRows& map, int pixels, int group) {
    const std::ptrdiff_t channel = std::ptrdiff_t{group} * kLanes;
    if constexpr (kKind == Micro::kScale || kKind == Micro::kBias || kKind == Micro::kPrelu || IsPack(kKind)) {
      a = Load(op.a + channel);
    }
    if constexpr (kKind == Micro::kRelu) low = Broadcast(0.0f);
    if constexpr (kKind == Micro::kClamp) low = Broadcast(op.low), high = Broadcast(op.high);
    if constexpr (IsPack(kKind)) signs = Load(op.signs + channel);
    if constexpr (kKind == Micro::kStoreInt8) low = Broadcast(-128.0f), high = Broadcast(127.0f);
    if constexpr (kKind == Micro::kAddPart || kKind == Micro::kStorePart || kKind == Micro::kStoreInt8) {
      const int left = op.channels - static_cast<int>(channel);
      lanes = left < 0 ? 0 : left < kLanes ? left : kLanes;
    }
    place = map.base + (IsPack(kKind) ? group * 2 : kKind == Micro::kStoreInt8 ? channel : channel * 4);
    step = map.step;
    to_next_row = map.row - pixels * map.step;
  }

  void StartNextRow() { place += to_next_row; }

  void Apply(Floats& f) {
    float* map = reinterpret_cast<float*>(place);
    if constexpr (kKind == Micro::kScale) f = Mul(f, a);
    if constexpr (kKind == Micro::kBias) f = Add(f, a);
    if constexpr (kKind == Micro::kRelu) f = Max(low, f);
    if constexpr (kKind == Micro::kClamp) f = Min(high, Max(low, f));
    if constexpr (kKind == Micro::kPrelu) f = SelectNegative(f, Mul(f, a), f);
    if constexpr (kKind == Micro::kAddMap) f = Add(f, Load(map));
    if constexpr (kKind == Micro::kAddPart) f = AddPart(f, map, lanes);
    if constexpr (kKind == Micro::kSubMap) f = Sub(f, Load(map));
    if constexpr (kKind == Micro::kMulMap) f = Mul(f, Load(map));
    if constexpr (kKind == Micro::kStore) Store(map, f);
    if constexpr (kKind == Micro::kStorePart) StorePart(map, f, lanes);
    if constexpr (kKind == Micro::kStoreInt8) {
      // The largest float below 1/2: with 1/2 itself, the one below 1/2 would become 1.
      constexpr float kHalf = 0x1.fffffep-2f;
      // Max takes its second operand where the first is NaN.
      const Floats within = Min(high, Max(f, low));
      StoreBytes(place, Add(within, SelectNegative(within, Broadcast(-kHalf), Broadcast(kHalf))), lanes);
    }
    if constexpr (IsPack(kKind)) {
      std::uint16_t before = 0;
      if constexpr (kKind == Micro::kPackXor) __builtin_memcpy(&before, place, sizeof before);
      const auto bits = static_cast<std::uint16_t>(Less(FlipSigns(f, signs), a) ^ before);
      __builtin_memcpy(place, &bits, sizeof bits);
    }
    place += step;
  }
};

template <bool kFromInts>
inline Floats LoadStrip(const ProgramStrip& r, std::ptrdiff_t lane) {
  if constexpr (kFromInts) {
    return ToFloats(Load(static_cast<const std::int32_t*>(r.strip) + lane));
  } else {
    return Load(static_cast<const float*>(r.strip) + lane);
  }
}

// The standard library's tuple and index_sequence, in this namespace: see the note in the files that compile it.
template <std::size_t... kIndices>
struct Indices {};
template <std::size_t kCount, std::size_t... kIndices>
struct CountTo : CountTo<kCount - 1, kCount - 1, kIndices...> {};
template <std::size_t... kIndices>
struct CountTo<0, kIndices...> {
  using Type = Indices<kIndices...>;
};

template <typename... kAll>
struct Operations {
  void Apply(Floats&) {}
  void StartNextRow() {}
};
template <typename First, typename... Rest>
struct Operations<First, Rest...> {
  First first;
  Operations<Rest...> rest;
  Operations(First f, Rest... r) : first(f), rest{r...} {}
  // A compiler that gives up inlining here keeps every value in memory.
  [[gnu::always_inline]] void Apply(Floats& f) {
    first.Apply(f);
    rest.Apply(f);
  }
  void StartNextRow() {
    first.StartNextRow();
    rest.StartNextRow();
  }
};

template <bool kFromInts, Micro... kKinds, std::size_t... kIndices>
inline void RunSequenceAt(const ProgramStrip& r, Indices<kIndices...>) {
  for (int g = 0; g < r.groups; ++g) {
    Operations<Operation<kKinds>...> all{
        Operation<kKinds>(r.ops[kIndices], r.maps[kIndices], r.pixels, r.first_group + g)...};
    std::ptrdiff_t lane = std::ptrdiff_t{g} * kLanes;
    for (int y = 0; y < r.rows; ++y, all.StartNextRow()) {
      for (int p = 0; p < r.pixels; ++p, lane += r.stride) {
        Floats f = LoadStrip<kFromInts>(r, lane);
        all.Apply(f);
      }
    }
  }
}

template <bool kFromInts, Micro... kKinds>
void RunSequence(const ProgramStrip& strip) {
  const ProgramStrip r = strip;
  RunSequenceAt<kFromInts, kKinds...>(r, typename CountTo<sizeof...(kKinds)>::Type());
}

inline MapRows Moved(const MapRows& map, int rows, int pixels) {
  return {map.base + rows * map.row + pixels * map.step, map.step, map.row};
}

template <bool kFromInts>
void Interpret(const ProgramStrip& r) {
  for (int g = 0; g < r.groups; ++g) {
    for (int p = 0; p < r.rows * r.pixels; ++p) {
      const int y = p / r.pixels, x = p % r.pixels;
      Floats f = LoadStrip<kFromInts>(r, p * r.stride + g * kLanes);
      for (int i = 0; i < r.count; ++i) {
        switch (r.ops[i].kind) {
#define EDGEHYBRID_MICRO(kind)                                                    \
  case Micro::kind:                                                              \
    Operation<Micro::kind>(r.ops[i], Moved(r.maps[i], y, x), 1, r.first_group + g).Apply(f); \
    break;
#include "kernels/program/micros.inc"
#undef EDGEHYBRID_MICRO
        }
      }
    }
  }
}

template <Micro... kKinds>
bool Matches(const MicroOp* ops, int count) {
  if (count != static_cast<int>(sizeof...(kKinds))) return false;
  int i = -1;
  return ((++i, ops[i].kind == kKinds) && ...);
}

inline ProgramKernel FindProgram(const MicroOp* ops, int count, bool from_ints) {
#define EDGEHYBRID_SEQUENCE(...)                                                          \
  if (Matches<__VA_ARGS__>(ops, count)) {                                                 \
    return from_ints ? RunSequence<true, __VA_ARGS__> : RunSequence<false, __VA_ARGS__>;  \
  }
#include "kernels/program/sequence_names.inc"
#include "kernels/program/sequences.inc"
#undef EDGEHYBRID_SEQUENCE
  return from_ints ? Interpret<true> : Interpret<false>;
}

inline void Threshold(const ThresholdStrip& r) {
  for (int g = 0; g < r.groups; ++g) {
    const int group = r.first_group + g;
    const Ints thresholds = Load(r.thresholds + std::ptrdiff_t{group} * kLanes);
    const std::int32_t* place = r.strip + g * kLanes;
    for (int y = 0; y < r.rows; ++y) {
      std::uint8_t* row = r.map.base + y * r.map.row + group * 2;
      for (int p = 0; p < r.pixels; ++p, place += r.stride) {
        const auto bits = static_cast<std::uint16_t>(Greater(Load(place), thresholds) ^ r.flips[group]);
        __builtin_memcpy(row + p * r.map.step, &bits, sizeof bits);
      }
    }
  }
}

}  // namespace EDGEHYBRID_SIMD
}  // namespace edgehybrid

// What follows a convolution, in the registers that hold its result: scale, BatchNorm, activation, the addition of the
// residual map, the store of the sum, and the bits that the next convolution reads.
//
// Each sequence of sequences.inc is compiled as a loop of its own, for maps of which those of one kind have one step
// from pixel to pixel. Any other is interpreted, operation by operation, with the same results.
#pragma once

#include "kernels/kernels.h"

namespace edgehybrid {
namespace EDGEHYBRID_SIMD {

constexpr bool IsPack(Micro kind) { return kind == Micro::kPack || kind == Micro::kPackXor; }
// With a map whose groups are not whole.
constexpr bool IsPart(Micro kind) {
  return kind == Micro::kBiasPart || kind == Micro::kStorePart || kind == Micro::kStoreInt8;
}

// The first lanes, cut to integers that an int8 holds.
inline void StoreBytes(std::uint8_t* place, Floats a, int lanes) {
  if (lanes == kLanes) return StoreBytes(place, a);
  std::uint8_t all[kLanes];
  StoreBytes(all, a);
  __builtin_memcpy(place, all, static_cast<std::size_t>(lanes));
}

// A sequence counts its way along a row once for each kind of map: places of their own for three to five maps, and
// steps beside them, would not find room in the registers, and took a tenth of the time.
struct Along {
  std::ptrdiff_t floats = 0, bits = 0, parts = 0;

  // Of the map of such an operation.
  template <Micro kKind>
  std::ptrdiff_t& Of() {
    return IsPack(kKind) ? bits : IsPart(kKind) ? parts : floats;
  }
  void Add(const Along& steps) {
    floats += steps.floats;
    bits += steps.bits;
    parts += steps.parts;
  }
};

// An operation on one group of channels: its vectors in registers, and where a row of its map begins. Without kFlips
// no sign is flipped, as in most trained networks: one instruction less of those behind a sum.
template <Micro kKind, bool kFlips>
struct Operation {
  Floats a, low, high;
  Ints signs;
  std::uint8_t* place;
  std::ptrdiff_t row;
  int lanes;

  Operation(const MicroOp& op, const MapRows& map, int group) {
    const std::ptrdiff_t channel = std::ptrdiff_t{group} * kLanes;
    if constexpr (kKind == Micro::kScale || kKind == Micro::kBias || kKind == Micro::kBiasPart ||
                  kKind == Micro::kPrelu || IsPack(kKind)) {
      a = Load(op.a + channel);
    }
    if constexpr (kKind == Micro::kRelu) low = Broadcast(0.0f);
    if constexpr (kKind == Micro::kClamp) low = Broadcast(op.low), high = Broadcast(op.high);
    if constexpr (IsPack(kKind) && kFlips) signs = op.signs != nullptr ? Load(op.signs + channel) : ZeroInts();
    if constexpr (kKind == Micro::kStoreInt8) low = Broadcast(-128.0f), high = Broadcast(127.0f);
    if constexpr (IsPart(kKind)) {
      const int left = op.channels - static_cast<int>(channel);
      lanes = left < 0 ? 0 : left < kLanes ? left : kLanes;
    }
    place = map.base + (IsPack(kKind) ? group * 2 : kKind == Micro::kStoreInt8 ? channel : channel * 4);
    row = map.row;
  }

  void StartNextRow() { place += row; }

  void Apply(Floats& f, Along along) {
    std::uint8_t* bytes = place + along.Of<kKind>();
    float* map = reinterpret_cast<float*>(bytes);
    if constexpr (kKind == Micro::kScale) f = Mul(f, a);
    if constexpr (kKind == Micro::kBias) f = Add(f, a);
    if constexpr (kKind == Micro::kBiasPart) f = Add(f, LoadPart(map, lanes, a));
    if constexpr (kKind == Micro::kRelu) f = Max(low, f);
    if constexpr (kKind == Micro::kClamp) f = Min(high, Max(low, f));
    if constexpr (kKind == Micro::kPrelu) f = SelectNegative(f, Mul(f, a), f);
    if constexpr (kKind == Micro::kAddMap) f = Add(f, Load(map));
    if constexpr (kKind == Micro::kSubMap) f = Sub(f, Load(map));
    if constexpr (kKind == Micro::kMulMap) f = Mul(f, Load(map));
    if constexpr (kKind == Micro::kStore) Store(map, f);
    if constexpr (kKind == Micro::kStorePart) StorePart(map, f, lanes);
    if constexpr (kKind == Micro::kStoreInt8) {
      // The largest float below 1/2: with 1/2 itself, the one below 1/2 would become 1.
      constexpr float kHalf = 0x1.fffffep-2f;
      // Max takes its second operand where the first is NaN.
      const Floats within = Min(high, Max(f, low));
      StoreBytes(bytes, Add(within, SelectNegative(within, Broadcast(-kHalf), Broadcast(kHalf))), lanes);
    }
    if constexpr (IsPack(kKind)) {
      std::uint16_t before = 0;
      if constexpr (kKind == Micro::kPackXor) __builtin_memcpy(&before, bytes, sizeof before);
      const auto bits = static_cast<std::uint16_t>(Less(kFlips ? FlipSigns(f, signs) : f, a) ^ before);
      __builtin_memcpy(bytes, &bits, sizeof bits);
    }
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
  void Apply(Floats&, Along) {}
  void StartNextRow() {}
};
template <typename First, typename... Rest>
struct Operations<First, Rest...> {
  First first;
  Operations<Rest...> rest;
  Operations(First f, Rest... r) : first(f), rest{r...} {}
  // A compiler that gives up inlining here keeps every value in memory.
  [[gnu::always_inline]] void Apply(Floats& f, Along along) {
    first.Apply(f, along);
    rest.Apply(f, along);
  }
  void StartNextRow() {
    first.StartNextRow();
    rest.StartNextRow();
  }
};

// From pixel to pixel, in the maps of a sequence.
template <Micro... kKinds>
inline Along StepsOf(const MicroOp* ops) {
  Along steps;
  int i = 0;
  ((steps.Of<kKinds>() = ops[i].step != 0 ? ops[i].step : steps.Of<kKinds>(), ++i), ...);
  return steps;
}

template <bool kFromInts, bool kFlips, Micro... kKinds, std::size_t... kIndices>
inline void RunSequenceAt(const ProgramStrip& r, Indices<kIndices...>) {
  const Along steps = StepsOf<kKinds...>(r.ops);
  for (int g = 0; g < r.groups; ++g) {
    Operations<Operation<kKinds, kFlips>...> all{
        Operation<kKinds, kFlips>(r.ops[kIndices], r.maps[kIndices], r.first_group + g)...};
    std::ptrdiff_t lane = std::ptrdiff_t{g} * kLanes;
    for (int y = 0; y < r.rows; ++y, all.StartNextRow()) {
      Along along;
#pragma GCC unroll 1
      for (int p = 0; p < r.pixels; ++p, lane += r.stride, along.Add(steps)) {
        Floats f = LoadStrip<kFromInts>(r, lane);
        all.Apply(f, along);
      }
    }
  }
}

template <bool kFromInts, bool kFlips, Micro... kKinds>
void RunSequence(const ProgramStrip& strip) {
  const ProgramStrip r = strip;
  RunSequenceAt<kFromInts, kFlips, kKinds...>(r, typename CountTo<sizeof...(kKinds)>::Type());
}

template <bool kFromInts>
void Interpret(const ProgramStrip& r) {
  for (int g = 0; g < r.groups; ++g) {
    for (int p = 0; p < r.rows * r.pixels; ++p) {
      const int y = p / r.pixels, x = p % r.pixels;
      Floats f = LoadStrip<kFromInts>(r, p * r.stride + g * kLanes);
      for (int i = 0; i < r.count; ++i) {
        std::uint8_t* map = r.maps[i].base + y * r.maps[i].row + x * r.ops[i].step;
        switch (r.ops[i].kind) {
#define EDGEHYBRID_MICRO(kind)                                                    \
  case Micro::kind:                                                              \
    Operation<Micro::kind, true>(r.ops[i], MapRows{map, 0}, r.first_group + g).Apply(f, Along()); \
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
  if (!((++i, ops[i].kind == kKinds) && ...)) return false;
  Along steps = StepsOf<kKinds...>(ops);
  i = -1;
  return ((++i, ops[i].step == 0 || ops[i].step == steps.Of<kKinds>()) && ...);
}

inline bool HasFlips(const MicroOp* ops, int count) {
  bool has = false;
  for (int i = 0; i < count; ++i) has = has || ops[i].signs != nullptr;
  return has;
}

// Counts are clamped, scaled or shifted before anything else is done to them.
constexpr bool IsOfCounts(Micro first) {
  return first == Micro::kClamp || first == Micro::kScale || first == Micro::kBias;
}

template <bool kFromInts, Micro kFirst, Micro... kRest>
ProgramKernel SequenceOf([[maybe_unused]] bool flips) {
  if constexpr (kFromInts && !IsOfCounts(kFirst)) {
    return Interpret<true>;
  } else if constexpr (!IsPack(kFirst) && (!IsPack(kRest) && ...)) {
    return RunSequence<kFromInts, false, kFirst, kRest...>;
  } else {
    return flips ? RunSequence<kFromInts, true, kFirst, kRest...> : RunSequence<kFromInts, false, kFirst, kRest...>;
  }
}

inline ProgramKernel FindProgram(const MicroOp* ops, int count, bool from_ints) {
  const bool flips = HasFlips(ops, count);
#define EDGEHYBRID_SEQUENCE(...)                                                                          \
  if (Matches<__VA_ARGS__>(ops, count)) {                                                                 \
    return from_ints ? SequenceOf<true, __VA_ARGS__>(flips) : SequenceOf<false, __VA_ARGS__>(flips);       \
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
        __builtin_memcpy(row + p * r.step, &bits, sizeof bits);
      }
    }
  }
}

}  // namespace EDGEHYBRID_SIMD
}  // namespace edgehybrid

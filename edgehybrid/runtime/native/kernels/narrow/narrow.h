// A binary 3×3 convolution of at most 32 channels and what follows it, in one pass over the registers.
//
// Counting such a window takes 14 or 26 operations a pixel, so storing its sums, loading them again and joining all five
// halved words would cost much beside it. The weights stay in registers, and so do the vectors of the program.
#pragma once

#include "kernels/program/program.h"

namespace edgehybrid {
namespace EDGEHYBRID_SIMD {

// Where the words of a row's windows are read.
struct NarrowPlace {
  const std::uint8_t* map[3];
  const std::uint32_t* joined[2];
  std::ptrdiff_t along = 0;  // in the map
};

// A compiler that sees through these sums keeps one for each pixel and map of a tile, in memory.
inline void FinishSum(std::ptrdiff_t& sum) { __asm__("" : "+r"(sum)); }

// Of pixel p of a tile.
template <int kWords>
[[gnu::always_inline]] inline void CountWindow(Counter& counter, const Ints (&weights)[kWords],
                                               const NarrowPlace& place, int p) {
  const auto count = [&](int word, const void* x) { counter.Count(Xor(weights[word], BroadcastWord(x))); };
  if constexpr (kWords == kHalvedWords) {
    count(0, place.map[0] + place.along);
    count(1, place.joined[0] + p);
    count(2, place.map[1] + place.along);
    count(3, place.map[2] + place.along);
    count(4, place.joined[1] + p);
  } else {
#pragma GCC unroll 9
    for (int i = 0; i < kWords; ++i) count(i, place.map[i / 3] + place.along + 4 * (i % 3));
  }
}

template <int kPixels, bool kHasPart, int kWords, typename All>
[[gnu::always_inline]] inline void NarrowTile(const Ints (&weights)[kWords], std::ptrdiff_t step, NarrowPlace& place,
                                              All& all, Along& along, const Along& steps) {
  Counter counters[kPixels];
#pragma GCC unroll 16
  for (int p = 0; p < kPixels; ++p) {
    CountWindow<kWords>(counters[p], weights, place, p);
    FinishBeforeLoads(counters[p]);
    place.along += step;
    FinishSum(place.along);
  }
#pragma GCC unroll 16
  for (int p = 0; p < kPixels; ++p) {
    Floats f = ToFloats(counters[p].Total());
    all.Apply(f, along);
    along.Add(steps);
    FinishSum(along.floats);
    FinishSum(along.bits);
    if (kHasPart) FinishSum(along.parts);
  }
  if constexpr (kWords == kHalvedWords) {
    for (const std::uint32_t*& word : place.joined) word += kPixels;
  }
}

template <int kWords, bool kFlips, Micro... kKinds, std::size_t... kIndices>
inline void RunNarrowAt(const NarrowStrip& s, Indices<kIndices...>) {
  const ProgramStrip& r = s.program;
  // Copies, which no store of the program can change.
  const std::ptrdiff_t step = s.step;
  const int rows = r.rows, pixels = r.pixels;
  const Along steps = StepsOf<kKinds...>(r.ops);
  constexpr bool kHasPart = (IsPart(kKinds) || ...);
  for (int g = 0; g < r.groups; ++g) {
    Operations<Operation<kKinds, kFlips>...> all{
        Operation<kKinds, kFlips>(r.ops[kIndices], r.maps[kIndices], r.first_group + g)...};
    Ints weights[kWords];
    for (int i = 0; i < kWords; ++i) weights[i] = Load(s.weights + (g * kWords + i) * kLanes);
    NarrowPlace place{{}, {s.joined[0], s.joined[1]}};
    for (int y = 0; y < rows; ++y, all.StartNextRow()) {
      for (int i = 0; i < 3; ++i) place.map[i] = s.input + y * s.row + s.offsets[i];
      place.along = 0;
      Along along;
      int p = 0;
      for (; p + kTilePixels <= pixels; p += kTilePixels) {
        NarrowTile<kTilePixels, kHasPart>(weights, step, place, all, along, steps);
      }
      for (; p < pixels; ++p) NarrowTile<1, kHasPart>(weights, step, place, all, along, steps);
    }
  }
}

template <int kWords, bool kFlips, Micro... kKinds>
void RunNarrow(const NarrowStrip& strip) {
  const NarrowStrip s = strip;
  RunNarrowAt<kWords, kFlips, kKinds...>(s, typename CountTo<sizeof...(kKinds)>::Type());
}

template <int kWords, Micro kFirst, Micro... kRest>
NarrowKernel NarrowOf([[maybe_unused]] bool flips) {
  if constexpr (!IsOfCounts(kFirst)) {
    return nullptr;
  } else if constexpr ((!IsPack(kRest) && ...)) {
    return RunNarrow<kWords, false, kFirst, kRest...>;
  } else {
    return flips ? RunNarrow<kWords, true, kFirst, kRest...> : RunNarrow<kWords, false, kFirst, kRest...>;
  }
}

// A template, or sets without it would compile every sequence several times more.
template <bool kKeeps = kKeepsFewWords>
inline NarrowKernel FindNarrow([[maybe_unused]] const MicroOp* ops, [[maybe_unused]] int count,
                               [[maybe_unused]] int words) {
  if constexpr (kKeeps) {
    const bool flips = HasFlips(ops, count);
#define EDGEHYBRID_SEQUENCE(...)                                                  \
  if (Matches<__VA_ARGS__>(ops, count)) {                                         \
    return words == kHalvedWords ? NarrowOf<kHalvedWords, __VA_ARGS__>(flips)     \
                                 : NarrowOf<kWholeWords, __VA_ARGS__>(flips);     \
  }
#include "kernels/program/sequence_names.inc"
#include "kernels/program/sequences.inc"
#undef EDGEHYBRID_SEQUENCE
  }
  return nullptr;
}

}  // namespace EDGEHYBRID_SIMD
}  // namespace edgehybrid

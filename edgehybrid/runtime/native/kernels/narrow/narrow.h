// A binary 3×3 convolution of at most 16 channels and what follows it, in one pass over the registers.
//
// Counting such a window takes fourteen operations a pixel, so storing its sums, loading them again and joining all five
// words would cost half as much once more. The weights stay in registers, and so do the vectors of the program.
#pragma once

#include "kernels/program/program.h"

namespace edgehybrid {
namespace EDGEHYBRID_SIMD {

// Where the words of a window are read: 0, 2 and 3 in the map, 1 and 4 among the joined ones.
struct NarrowPlace {
  const std::uint8_t* map[3];
  const std::uint32_t* joined[2];
};

template <int kPixels, typename All>
[[gnu::always_inline]] inline void NarrowTile(const Ints (&weights)[kNarrowWords], std::ptrdiff_t step,
                                              NarrowPlace& place, All& all) {
  Counter counters[kPixels];
  for (int p = 0; p < kPixels; ++p) {
    const std::ptrdiff_t pixel = p * step;
    counters[p].Count(Xor(weights[0], BroadcastWord(place.map[0] + pixel)));
    counters[p].Count(Xor(weights[1], BroadcastWord(place.joined[0] + p)));
    counters[p].Count(Xor(weights[2], BroadcastWord(place.map[1] + pixel)));
    counters[p].Count(Xor(weights[3], BroadcastWord(place.map[2] + pixel)));
    counters[p].Count(Xor(weights[4], BroadcastWord(place.joined[1] + p)));
  }
  for (int p = 0; p < kPixels; ++p) {
    Floats f = ToFloats(counters[p].Total());
    all.Apply(f);
  }
  for (const std::uint8_t*& word : place.map) word += kPixels * step;
  for (const std::uint32_t*& word : place.joined) word += kPixels;
}

template <Micro... kKinds, std::size_t... kIndices>
inline void RunNarrowAt(const NarrowStrip& s, Indices<kIndices...>) {
  const ProgramStrip& r = s.program;
  // Copies, which no store of the program can change.
  const std::ptrdiff_t step = s.step;
  const int rows = r.rows, pixels = r.pixels;
  for (int g = 0; g < r.groups; ++g) {
    Operations<Operation<kKinds>...> all{
        Operation<kKinds>(r.ops[kIndices], r.maps[kIndices], pixels, r.first_group + g)...};
    Ints weights[kNarrowWords];
    for (int i = 0; i < kNarrowWords; ++i) weights[i] = Load(s.weights + (g * kNarrowWords + i) * kLanes);
    NarrowPlace place{{}, {s.joined[0], s.joined[1]}};
    for (int y = 0; y < rows; ++y, all.StartNextRow()) {
      for (int i = 0; i < 3; ++i) place.map[i] = s.input + y * s.row + s.offsets[i];
      int p = 0;
      for (; p + kTilePixels <= pixels; p += kTilePixels) NarrowTile<kTilePixels>(weights, step, place, all);
      for (; p < pixels; ++p) NarrowTile<1>(weights, step, place, all);
    }
  }
}

template <Micro... kKinds>
void RunNarrow(const NarrowStrip& strip) {
  const NarrowStrip s = strip;
  RunNarrowAt<kKinds...>(s, typename CountTo<sizeof...(kKinds)>::Type());
}

// A template, or sets without it would compile every sequence once more.
template <bool kKeeps = kKeepsFewWords>
inline NarrowKernel FindNarrow([[maybe_unused]] const MicroOp* ops, [[maybe_unused]] int count) {
  if constexpr (kKeeps) {
#define EDGEHYBRID_SEQUENCE(...) \
  if (Matches<__VA_ARGS__>(ops, count)) return RunNarrow<__VA_ARGS__>;
#include "kernels/program/sequence_names.inc"
#include "kernels/program/sequences.inc"
#undef EDGEHYBRID_SEQUENCE
  }
  return nullptr;
}

}  // namespace EDGEHYBRID_SIMD
}  // namespace edgehybrid

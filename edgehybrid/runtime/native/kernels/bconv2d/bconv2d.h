// Binary convolution, output channels in the lanes, input words broadcast.
//
// A dot product of n values ±1, packed as bits (1 for -1), is n - 2 popcount(x xor w). A tile of pixels and groups of
// output channels keeps its counts in registers; a word of a pixel is broadcast once for all groups of the tile, a
// vector of weights loaded once for all its pixels. There is no im2col and no sum across lanes.
//
// Counts stay in registers from pass to pass, too, where they have room for the words to come; else their totals wait
// in `sums`, and what was to be doubled is doubled there, later.
//
// With kLoadsAhead, a register gets its part of the next word right behind its last use for this one.
#pragma once

#include "kernels/kernels.h"

namespace edgehybrid {
namespace EDGEHYBRID_SIMD {

template <int kPixels, int kGroups>
using Counters = Counter[kPixels][kGroups];

// Adds the differing bits of some words, from `first` on. Inlined, or the counters would lie in memory.
template <int kPixels, int kGroups>
[[gnu::always_inline]] inline void CountWords(Counters<kPixels, kGroups>& counters, const std::uint8_t* const* pixels,
                                              const std::int32_t* word_offsets, int first, int last,
                                              const std::uint32_t* weights, std::ptrdiff_t group) {
  Ints w[kGroups], x[kPixels];
  const auto load_weights = [&](int g, std::ptrdiff_t word) { w[g] = Load(weights + g * group + word * kLanes); };
  const auto load_pixel = [&](int p, std::ptrdiff_t offset) { x[p] = BroadcastWord(pixels[p] + offset); };
  const auto load = [&](int word) {
    for (int g = 0; g < kGroups; ++g) load_weights(g, word);
    for (int p = 0; p < kPixels; ++p) load_pixel(p, word_offsets[word]);
  };
  // Counts a word; `next` is loaded meanwhile where there is one.
  const auto count = [&](bool loads_next, int next) __attribute__((always_inline)) {
    const std::ptrdiff_t next_offset = loads_next ? word_offsets[next] : 0;
    for (int p = 0; p < kPixels; ++p) {
      for (int g = 0; g < kGroups; ++g) {
        const Ints bits = Xor(w[g], x[p]);
        if (loads_next && g == kGroups - 1) load_pixel(p, next_offset);
        if (loads_next && p == kPixels - 1) load_weights(g, next);
        counters[p][g].Count(bits);
      }
    }
  };
  if (kLoadsAhead) {
    load(first);
    for (int word = first + 1; word < last; ++word) count(true, word);
    return count(false, 0);
  }
  for (int word = first; word < last; ++word) {
    load(word);
    count(false, 0);
  }
}

// The totals become the sums, or are added to what waits there, doubled as often as was put off.
template <int kPixels, int kGroups>
[[gnu::always_inline]] inline void PutTotals(const Counters<kPixels, kGroups>& counters, bool is_first, int doublings,
                                             std::int32_t* sums, std::ptrdiff_t stride) {
  if (is_first) {
    for (int p = 0; p < kPixels; ++p) {
      for (int g = 0; g < kGroups; ++g) Store(sums + p * stride + g * kLanes, counters[p][g].Total());
    }
    return;
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int g = 0; g < kGroups; ++g) {
      std::int32_t* sum = sums + p * stride + g * kLanes;
      Store(sum, Add(ShiftLeft(Load(sum), doublings), counters[p][g].Total()));
    }
  }
}

template <int kPixels, int kGroups>
[[gnu::always_inline]] inline void OnePass(const BconvStrip& s, const std::uint8_t* const* pixels,
                                           const std::uint32_t* weights, std::int32_t* sums) {
  const std::ptrdiff_t group = std::ptrdiff_t{s.words} * kLanes;
  const std::int32_t* word_offsets = s.word_offsets;
  for (int first = 0; first < s.words; first += Counter::kWords) {
    const int last = s.words - first < Counter::kWords ? s.words : first + Counter::kWords;
    Counters<kPixels, kGroups> counters;
    CountWords<kPixels, kGroups>(counters, pixels, word_offsets, first, last, weights, group);
    PutTotals<kPixels, kGroups>(counters, first == 0, 0, sums, s.stride);
  }
}

template <int kPixels, int kGroups>
[[gnu::always_inline]] inline void AllPasses(const BconvStrip& s, const std::uint8_t* const* pixels,
                                             const std::uint32_t* weights, std::int32_t* sums) {
  const std::ptrdiff_t filter = std::ptrdiff_t{s.words} * kLanes, group = s.filters * filter;
  int number = 0, first = 0;  // of the pass, and of the word in it
  for (bool is_first = true; number < s.pass_count; is_first = false) {
    Counters<kPixels, kGroups> counters;
    // Words in the counters, doubled ones twice; and how often the stored sums are to be doubled.
    int counted = 0, doublings = 0;
    do {
      const BconvPass& pass = s.passes[number];
      if (first == 0) {
        for (int i = 0; i < pass.doublings; ++i) {
          for (int p = 0; p < kPixels; ++p) {
            for (int g = 0; g < kGroups; ++g) counters[p][g].Double();
          }
        }
        counted <<= pass.doublings;
        doublings += pass.doublings;
      }
      const int last = s.words - first < Counter::kWords ? s.words : first + Counter::kWords;
      CountWords<kPixels, kGroups>(counters, pixels, s.word_offsets + std::ptrdiff_t{pass.plane} * s.words, first, last,
                                   weights + pass.filter * filter, group);
      counted += last - first;
      first = last;
      if (first < s.words) break;
      first = 0;
      ++number;
    } while (number < s.pass_count &&
             (std::int64_t{counted} << s.passes[number].doublings) + s.words <= Counter::kWords);
    PutTotals<kPixels, kGroups>(counters, is_first, doublings, sums, s.stride);
  }
}

template <int kPixels, int kGroups, bool kOnePass>
inline void BconvTile(const BconvStrip& s, const std::int32_t* pixel_offsets, const std::uint32_t* weights,
                      std::int32_t* sums) {
  const std::uint8_t* pixels[kPixels];
  for (int p = 0; p < kPixels; ++p) pixels[p] = s.input + pixel_offsets[p];
  if constexpr (kOnePass) {
    OnePass<kPixels, kGroups>(s, pixels, weights, sums);
  } else {
    AllPasses<kPixels, kGroups>(s, pixels, weights, sums);
  }
}

template <int kGroups, bool kOnePass>
inline void BconvGroups(const BconvStrip& s, int group) {
  const std::uint32_t* weights = s.weights + std::ptrdiff_t{group} * s.filters * s.words * kLanes;
  std::int32_t* sums = s.sums + group * kLanes;
  // The fewer groups, the more pixels, so that loads stay behind the counting.
  constexpr int kPixels = kGroups == 1 ? 2 * kTilePixels : kTilePixels;
  int p = 0;
  for (; p + kPixels <= s.pixels; p += kPixels) {
    BconvTile<kPixels, kGroups, kOnePass>(s, s.pixel_offsets + p, weights, sums + p * s.stride);
  }
  for (; p < s.pixels; ++p) BconvTile<1, kGroups, kOnePass>(s, s.pixel_offsets + p, weights, sums + p * s.stride);
}

template <bool kOnePass>
inline void BconvAll(const BconvStrip& s) {
  int group = 0;
  for (; group + kTileGroups <= s.groups; group += kTileGroups) BconvGroups<kTileGroups, kOnePass>(s, group);
  for (; kTileGroups > 2 && group + 2 <= s.groups; group += 2) BconvGroups<2, kOnePass>(s, group);
  for (; group < s.groups; ++group) BconvGroups<1, kOnePass>(s, group);
}

// A few words, whose weights stay in registers for the whole strip: what is left for a pixel is the counting.
template <int kPixels, int kWords>
inline void BconvKept(const BconvStrip& s, const std::int32_t* pixel_offsets, const Ints* weights,
                      const std::ptrdiff_t* word_offsets, std::int32_t* sums) {
  Counter counters[kPixels];
  for (int i = 0; i < kWords; ++i) {
    for (int p = 0; p < kPixels; ++p) {
      counters[p].Count(Xor(weights[i], BroadcastWord(s.input + pixel_offsets[p] + word_offsets[i])));
    }
  }
  for (int p = 0; p < kPixels; ++p) Store(sums + p * s.stride, counters[p].Total());
}

template <int kWords>
inline void BconvFewWords(const BconvStrip& s) {
  std::ptrdiff_t word_offsets[kWords];
  for (int i = 0; i < kWords; ++i) word_offsets[i] = s.word_offsets[i];
  for (int group = 0; group < s.groups; ++group) {
    Ints weights[kWords];
    for (int i = 0; i < kWords; ++i) weights[i] = Load(s.weights + (std::ptrdiff_t{group} * kWords + i) * kLanes);
    std::int32_t* sums = s.sums + group * kLanes;
    int p = 0;
    for (; p + kTilePixels <= s.pixels; p += kTilePixels) {
      BconvKept<kTilePixels, kWords>(s, s.pixel_offsets + p, weights, word_offsets, sums + p * s.stride);
    }
    for (; p < s.pixels; ++p) {
      BconvKept<1, kWords>(s, s.pixel_offsets + p, weights, word_offsets, sums + p * s.stride);
    }
  }
}

inline void Bconv(const BconvStrip& s) {
  const bool is_plain = s.pass_count == 1 && s.filters == 1 && s.passes[0].plane == 0;
  // A 3×3 window of at most 16 channels is five words.
  if (is_plain && kKeepsFewWords && s.words == 5) return BconvFewWords<5>(s);
  is_plain ? BconvAll<true>(s) : BconvAll<false>(s);
}

}  // namespace EDGEHYBRID_SIMD
}  // namespace edgehybrid

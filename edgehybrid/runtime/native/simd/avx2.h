// Sixteen lanes of 32 bits: two registers of AVX2 with FMA.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define EDGEHYBRID_SIMD avx2
#define EDGEHYBRID_ISA Isa::kAvx2

namespace edgehybrid {
namespace avx2 {

struct Floats {
  __m256 low, high;
};
struct Ints {
  __m256i low, high;
};

// Tiles that keep sums, weights and one input in the 16 registers.
constexpr int kTilePixels = 2;
constexpr int kTileGroups = 1;
constexpr int kConvPixels = 4;
constexpr int kColorPixels = 0;
// Channels, and pixels beside them, whose sums of all lanes are made together.
constexpr int kDotChannels = 2;
constexpr int DotPixels(int channels) { return 4 / channels; }
constexpr bool kKeepsFewWords = false;
constexpr bool kLoadsAhead = false;  // the processor reorders

inline __m256i LoadBits(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void StoreBits(void* p, __m256i a) { _mm256_storeu_si256(static_cast<__m256i*>(p), a); }

inline Floats Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
// The first lanes; the others are those of `rest`.
inline Floats LoadPart(const float* p, int lanes, Floats rest) {
  const auto half = [](const float* q, int count, __m256 x) {
    const __m256i first = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    return _mm256_blendv_ps(x, _mm256_maskload_ps(q, first), _mm256_castsi256_ps(first));
  };
  return {half(p, lanes, rest.low), half(p + 8, lanes - 8, rest.high)};
}
inline void Store(float* p, Floats a) {
  _mm256_storeu_ps(p, a.low);
  _mm256_storeu_ps(p + 8, a.high);
}
inline void StorePart(float* p, Floats a, int lanes) {
  const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), numbers), a.low);
  _mm256_maskstore_ps(p + 8, _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes - 8), numbers), a.high);
}
inline Ints Load(const std::int32_t* p) { return {LoadBits(p), LoadBits(p + 8)}; }
inline Ints Load(const std::uint32_t* p) { return {LoadBits(p), LoadBits(p + 8)}; }
inline void Store(std::int32_t* p, Ints a) {
  StoreBits(p, a.low);
  StoreBits(p + 8, a.high);
}
inline void Store(std::uint32_t* p, Ints a) {
  StoreBits(p, a.low);
  StoreBits(p + 8, a.high);
}

inline Floats Broadcast(float a) { return {_mm256_set1_ps(a), _mm256_set1_ps(a)}; }
inline Ints BroadcastWord(const void* p) {
  std::int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return {_mm256_set1_epi32(word), _mm256_set1_epi32(word)};
}
inline Ints ZeroInts() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }

inline Floats Add(Floats a, Floats b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline Floats Sub(Floats a, Floats b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
inline Floats Mul(Floats a, Floats b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline Floats MulAdd(Floats a, Floats b, Floats c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
// Compilers would load all pixels of a tile at once, and spill sums to have registers for them.
inline void FinishBeforeLoads(Floats& a) { __asm__ volatile("" : "+x"(a.low), "+x"(a.high) : : "memory"); }
inline Floats Div(Floats a, Floats b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
// NaN of the second operand goes through.
inline Floats Max(Floats low, Floats a) { return {_mm256_max_ps(low.low, a.low), _mm256_max_ps(low.high, a.high)}; }
inline Floats Min(Floats high, Floats a) { return {_mm256_min_ps(high.low, a.low), _mm256_min_ps(high.high, a.high)}; }
// a where condition < 0, else b.
inline Floats SelectNegative(Floats condition, Floats a, Floats b) {
  const __m256 zero = _mm256_setzero_ps();
  return {_mm256_blendv_ps(b.low, a.low, _mm256_cmp_ps(condition.low, zero, _CMP_LT_OQ)),
          _mm256_blendv_ps(b.high, a.high, _mm256_cmp_ps(condition.high, zero, _CMP_LT_OQ))};
}
inline Floats FlipSigns(Floats a, Ints signs) {
  return {_mm256_xor_ps(a.low, _mm256_castsi256_ps(signs.low)), _mm256_xor_ps(a.high, _mm256_castsi256_ps(signs.high))};
}
inline Floats ToFloats(Ints a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
// Cut to integers that an int8 holds.
inline void StoreBytes(std::uint8_t* p, Floats a) {
  // In quarters: the first of low, the first of high, the second of low, the second of high.
  const __m256i halves = _mm256_packs_epi32(_mm256_cvttps_epi32(a.low), _mm256_cvttps_epi32(a.high));
  const __m256i ordered = _mm256_permute4x64_epi64(halves, 0xd8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packs_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
}
// ((a0 + a8) + (a4 + a12)) + …: halves are added until one lane is left.
inline float SumLanes(Floats a) {
  const __m256 eight = _mm256_add_ps(a.low, a.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
// The same sums of many vectors.
template <int kCount>
inline void SumLanesOfAll(const Floats (&a)[kCount], float* sums) {
  for (int i = 0; i < kCount; ++i) sums[i] = SumLanes(a[i]);
}
inline Ints Add(Ints a, Ints b) { return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
inline Ints ShiftLeft(Ints a, int bits) {
  const __m128i count = _mm_cvtsi32_si128(bits);
  return {_mm256_sll_epi32(a.low, count), _mm256_sll_epi32(a.high, count)};
}
inline Ints Xor(Ints a, Ints b) { return {_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)}; }

// Bit i is set where lane i of a is less (greater) than that of b.
inline unsigned SignsOf(__m256 low, __m256 high) {
  return static_cast<unsigned>(_mm256_movemask_ps(low) | _mm256_movemask_ps(high) << 8);
}
inline unsigned Less(Floats a, Floats b) {
  return SignsOf(_mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ));
}
inline unsigned Greater(Ints a, Ints b) {
  return SignsOf(_mm256_castsi256_ps(_mm256_cmpgt_epi32(a.low, b.low)),
                 _mm256_castsi256_ps(_mm256_cmpgt_epi32(a.high, b.high)));
}

// Sixteen unsigned halves, each extended to a word.
inline Ints LoadHalves(const std::uint16_t* p) {
  const auto* eights = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtepu16_epi32(_mm_loadu_si128(eights)), _mm256_cvtepu16_epi32(_mm_loadu_si128(eights + 1))};
}
// Every second of 32 halves.
inline Ints LoadEvenHalves(const std::uint16_t* p) {
  const auto* sixteens = reinterpret_cast<const __m256i*>(p);
  const __m256i half = _mm256_set1_epi32(0xffff);
  return {_mm256_and_si256(_mm256_loadu_si256(sixteens), half), _mm256_and_si256(_mm256_loadu_si256(sixteens + 1), half)};
}
// low | high << 16 in each lane.
inline Ints JoinHalves(Ints low, Ints high) {
  return {_mm256_or_si256(low.low, _mm256_slli_epi32(high.low, 16)),
          _mm256_or_si256(low.high, _mm256_slli_epi32(high.high, 16))};
}

// Counts the bits of each lane: those of each half-byte by a table, summed in bytes.
struct Counter {
  // Words that may be added, doubled ones twice, before Total() must be taken: a byte gets 8 a word at most, and
  // 31 · 8 = 248.
  static constexpr int kWords = 31;
  __m256i low = _mm256_setzero_si256(), high = _mm256_setzero_si256();

  static __m256i Added(__m256i sums, __m256i bits) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i half = _mm256_set1_epi8(0x0f);
    sums = _mm256_add_epi8(sums, _mm256_shuffle_epi8(table, _mm256_and_si256(bits, half)));
    return _mm256_add_epi8(sums, _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi32(bits, 4), half)));
  }
  // The sum of the four bytes of each lane.
  static __m256i Widened(__m256i sums) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(sums, _mm256_set1_epi8(1)), _mm256_set1_epi16(1));
  }

  void Count(Ints bits) {
    low = Added(low, bits.low);
    high = Added(high, bits.high);
  }
  void Double() {
    low = _mm256_add_epi8(low, low);
    high = _mm256_add_epi8(high, high);
  }
  Ints Total() const { return {Widened(low), Widened(high)}; }
};

}  // namespace avx2
}  // namespace edgehybrid

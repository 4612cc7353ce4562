// Sixteen lanes of 32 bits: one register of AVX-512 with F, BW, DQ, VL and VPOPCNTDQ.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define EDGEHYBRID_SIMD avx512
#define EDGEHYBRID_ISA Isa::kAvx512

namespace edgehybrid {
namespace avx512 {

struct Floats {
  __m512 v;
};
struct Ints {
  __m512i v;
};

// Tiles that keep sums, weights and one input in the 32 registers.
constexpr int kTilePixels = 4;
constexpr int kTileGroups = 4;
// A multiply-add takes four cycles and two start in each: eight sums at least are under way.
constexpr int kConvPixels = 8;
// Pixels of an image whose sums find room beside the nine weights of a row of three places and colours; 0 for none.
constexpr int kColorPixels = 16;
// Channels, and pixels beside them, whose sums of all lanes are made together.
constexpr int kDotChannels = 6;
constexpr int DotPixels(int channels) { return channels == 1 ? 16 : channels <= 3 ? 8 : 4; }
// The weights of five words find room beside them.
constexpr bool kKeepsFewWords = true;
constexpr bool kLoadsAhead = false;  // the processor reorders

inline Floats Load(const float* p) { return {_mm512_loadu_ps(p)}; }
// The first lanes; the others are those of `rest`.
inline Floats LoadPart(const float* p, int lanes, Floats rest) {
  return {_mm512_mask_loadu_ps(rest.v, static_cast<__mmask16>((1u << lanes) - 1), p)};
}
inline void Store(float* p, Floats a) { _mm512_storeu_ps(p, a.v); }
inline void StorePart(float* p, Floats a, int lanes) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << lanes) - 1), a.v);
}
inline Ints Load(const std::int32_t* p) { return {_mm512_loadu_si512(p)}; }
inline Ints Load(const std::uint32_t* p) { return {_mm512_loadu_si512(p)}; }
inline void Store(std::int32_t* p, Ints a) { _mm512_storeu_si512(p, a.v); }
inline void Store(std::uint32_t* p, Ints a) { _mm512_storeu_si512(p, a.v); }

inline Floats Broadcast(float a) { return {_mm512_set1_ps(a)}; }
inline Ints BroadcastWord(const void* p) {
  std::int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return {_mm512_set1_epi32(word)};
}
inline Ints ZeroInts() { return {_mm512_setzero_si512()}; }

inline Floats Add(Floats a, Floats b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Floats Sub(Floats a, Floats b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Floats Mul(Floats a, Floats b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Floats MulAdd(Floats a, Floats b, Floats c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// Compilers would load all pixels of a tile at once, and spill sums to have registers for them.
inline void FinishBeforeLoads(Floats& a) { __asm__ volatile("" : "+v"(a.v) : : "memory"); }
inline Floats Div(Floats a, Floats b) { return {_mm512_div_ps(a.v, b.v)}; }
// NaN of the second operand goes through.
inline Floats Max(Floats low, Floats a) { return {_mm512_max_ps(low.v, a.v)}; }
inline Floats Min(Floats high, Floats a) { return {_mm512_min_ps(high.v, a.v)}; }
// a where condition < 0, else b.
inline Floats SelectNegative(Floats condition, Floats a, Floats b) {
  const __mmask16 negative = _mm512_cmp_ps_mask(condition.v, _mm512_setzero_ps(), _CMP_LT_OQ);
  return {_mm512_mask_blend_ps(negative, b.v, a.v)};
}
inline Floats FlipSigns(Floats a, Ints signs) { return {_mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a.v), signs.v))}; }
inline Floats ToFloats(Ints a) { return {_mm512_cvtepi32_ps(a.v)}; }
// Cut to integers that an int8 holds.
inline void StoreBytes(std::uint8_t* p, Floats a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(a.v)));
}
// ((a0 + a8) + (a4 + a12)) + …: halves are added until one lane is left.
inline float SumLanes(Floats a) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
// The same sums of many vectors, whose additions share registers: two vectors become one with half as many lanes of
// each, four times.
inline __m512 Halves(__m512 x, __m512 y) {
  return _mm512_add_ps(_mm512_shuffle_f32x4(x, y, 0x44), _mm512_shuffle_f32x4(x, y, 0xee));
}
inline __m512 Quarters(__m512 x, __m512 y) {
  return _mm512_add_ps(_mm512_shuffle_f32x4(x, y, 0x88), _mm512_shuffle_f32x4(x, y, 0xdd));
}
inline __m512 Pairs(__m512 x, __m512 y) {
  return _mm512_add_ps(_mm512_shuffle_ps(x, y, 0x44), _mm512_shuffle_ps(x, y, 0xee));
}
inline __m512 Lanes(__m512 x, __m512 y) {
  return _mm512_add_ps(_mm512_shuffle_ps(x, y, 0x88), _mm512_shuffle_ps(x, y, 0xdd));
}
// Quarter q holds the four lanes of a[kStep * q].
template <int kStep>
inline __m512 FourLanes(const Floats* a) {
  return Quarters(Halves(a[0].v, a[kStep].v), Halves(a[2 * kStep].v, a[3 * kStep].v));
}
template <int kCount>
inline void SumLanesOfAll(const Floats (&a)[kCount], float* sums) {
  int i = 0;
  for (; i + 16 <= kCount; i += 16) {
    const __m512 low = Pairs(FourLanes<4>(a + i), FourLanes<4>(a + i + 1));
    _mm512_storeu_ps(sums + i, Lanes(low, Pairs(FourLanes<4>(a + i + 2), FourLanes<4>(a + i + 3))));
  }
  for (; i + 8 <= kCount; i += 8) {
    const __m512 pairs = Pairs(FourLanes<2>(a + i), FourLanes<2>(a + i + 1));
    _mm256_storeu_ps(sums + i, _mm512_castps512_ps256(_mm512_maskz_compress_ps(0x3333, Lanes(pairs, pairs))));
  }
  for (; i < kCount; ++i) sums[i] = SumLanes(a[i]);
}
inline Ints Add(Ints a, Ints b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline Ints ShiftLeft(Ints a, int bits) { return {_mm512_sll_epi32(a.v, _mm_cvtsi32_si128(bits))}; }
inline Ints Xor(Ints a, Ints b) { return {_mm512_xor_si512(a.v, b.v)}; }

// Bit i is set where lane i of a is less (greater) than that of b.
inline unsigned Less(Floats a, Floats b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ); }
inline unsigned Greater(Ints a, Ints b) { return _mm512_cmpgt_epi32_mask(a.v, b.v); }

// Sixteen unsigned halves, each extended to a word.
inline Ints LoadHalves(const std::uint16_t* p) {
  return {_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
// Every second of 32 halves.
inline Ints LoadEvenHalves(const std::uint16_t* p) {
  return {_mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(0xffff))};
}
// low | high << 16 in each lane.
inline Ints JoinHalves(Ints low, Ints high) { return {_mm512_or_si512(low.v, _mm512_slli_epi32(high.v, 16))}; }

// Counts the bits of each lane.
struct Counter {
  // Words that may be added, doubled ones twice, before Total() must be taken.
  static constexpr int kWords = 1 << 26;
  __m512i sums = _mm512_setzero_si512();
  void Count(Ints bits) { sums = _mm512_add_epi32(sums, _mm512_popcnt_epi32(bits.v)); }
  void Double() { sums = _mm512_add_epi32(sums, sums); }
  Ints Total() const { return {sums}; }
};
inline void FinishBeforeLoads(Counter& a) { __asm__ volatile("" : "+v"(a.sums) : : "memory"); }

}  // namespace avx512
}  // namespace edgehybrid

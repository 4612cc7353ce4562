// Sixteen lanes of 32 bits: four registers of ARMv8.0's Advanced SIMD.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#define EDGEHYBRID_SIMD neon
#define EDGEHYBRID_ISA Isa::kNeon

namespace edgehybrid {
namespace neon {

struct Floats {
  float32x4_t v[4];
};
struct Ints {
  uint32x4_t v[4];
};

// Tiles that keep sums, weights and one input in the 32 registers.
constexpr int kTilePixels = 2;
constexpr int kTileGroups = 2;
constexpr int kConvPixels = 4;
constexpr int kColorPixels = 0;
// Channels, and pixels beside them, whose sums of all lanes are made together.
constexpr int kDotChannels = 2;
constexpr int DotPixels(int channels) { return 4 / channels; }
// Small cores do not reorder: a word is loaded while the one before it is counted.
constexpr bool kKeepsFewWords = false;
constexpr bool kLoadsAhead = true;

template <typename Quarter>
inline Floats MakeFloats(Quarter quarter) {
  return {{quarter(0), quarter(1), quarter(2), quarter(3)}};
}
template <typename Quarter>
inline Ints MakeInts(Quarter quarter) {
  return {{quarter(0), quarter(1), quarter(2), quarter(3)}};
}
inline int32x4_t Signed(uint32x4_t a) { return vreinterpretq_s32_u32(a); }

inline Floats Load(const float* p) {
  return MakeFloats([p](int i) { return vld1q_f32(p + 4 * i); });
}
// The first lanes; the others are those of `rest`. Buffers have room for what is read behind the last.
inline Floats LoadPart(const float* p, int lanes, Floats rest) {
  const std::int32_t numbers[4] = {0, 1, 2, 3};
  for (int i = 0; i < 4 && 4 * i < lanes; ++i) {
    const uint32x4_t first = vcltq_s32(vld1q_s32(numbers), vdupq_n_s32(lanes - 4 * i));
    rest.v[i] = vbslq_f32(first, vld1q_f32(p + 4 * i), rest.v[i]);
  }
  return rest;
}
inline void Store(float* p, Floats a) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.v[i]);
}
inline void StorePart(float* p, Floats a, int lanes) {
  float all[16];
  Store(all, a);
  __builtin_memcpy(p, all, static_cast<std::size_t>(lanes) * sizeof(float));
}
inline Ints Load(const std::uint32_t* p) {
  return MakeInts([p](int i) { return vld1q_u32(p + 4 * i); });
}
inline Ints Load(const std::int32_t* p) {
  return MakeInts([p](int i) { return vreinterpretq_u32_s32(vld1q_s32(p + 4 * i)); });
}
inline void Store(std::uint32_t* p, Ints a) {
  for (int i = 0; i < 4; ++i) vst1q_u32(p + 4 * i, a.v[i]);
}
inline void Store(std::int32_t* p, Ints a) {
  for (int i = 0; i < 4; ++i) vst1q_s32(p + 4 * i, Signed(a.v[i]));
}

inline Floats Broadcast(float a) {
  return MakeFloats([a](int) { return vdupq_n_f32(a); });
}
inline Ints BroadcastWord(const void* p) {
  const uint32x4_t word = vld1q_dup_u32(static_cast<const std::uint32_t*>(p));
  return MakeInts([word](int) { return word; });
}
inline Ints ZeroInts() {
  return MakeInts([](int) { return vdupq_n_u32(0); });
}

inline Floats Add(Floats a, Floats b) {
  return MakeFloats([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
}
inline Floats Sub(Floats a, Floats b) {
  return MakeFloats([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
}
inline Floats Mul(Floats a, Floats b) {
  return MakeFloats([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
}
inline Floats MulAdd(Floats a, Floats b, Floats c) {
  return MakeFloats([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
}
// Compilers would load all pixels of a tile at once, and spill sums to have registers for them.
inline void FinishBeforeLoads(Floats& a) {
  __asm__ volatile("" : "+w"(a.v[0]), "+w"(a.v[1]), "+w"(a.v[2]), "+w"(a.v[3]) : : "memory");
}
inline Floats Div(Floats a, Floats b) {
  return MakeFloats([&](int i) { return vdivq_f32(a.v[i], b.v[i]); });
}
// NaN of the second operand goes through, as does the zero of it. FMAX gives NaN for either, and +0 of two zeros.
inline Floats Max(Floats low, Floats a) {
  return MakeFloats([&](int i) { return vbslq_f32(vcgtq_f32(low.v[i], a.v[i]), low.v[i], a.v[i]); });
}
inline Floats Min(Floats high, Floats a) {
  return MakeFloats([&](int i) { return vbslq_f32(vcltq_f32(high.v[i], a.v[i]), high.v[i], a.v[i]); });
}
// a where condition < 0, else b.
inline Floats SelectNegative(Floats condition, Floats a, Floats b) {
  return MakeFloats([&](int i) { return vbslq_f32(vcltzq_f32(condition.v[i]), a.v[i], b.v[i]); });
}
inline Floats FlipSigns(Floats a, Ints signs) {
  return MakeFloats([&](int i) { return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a.v[i]), signs.v[i])); });
}
inline Floats ToFloats(Ints a) {
  return MakeFloats([&](int i) { return vcvtq_f32_s32(Signed(a.v[i])); });
}
// Cut to integers that an int8 holds.
inline void StoreBytes(std::uint8_t* p, Floats a) {
  const auto eight = [&](int i) {
    return vcombine_s16(vmovn_s32(vcvtq_s32_f32(a.v[i])), vmovn_s32(vcvtq_s32_f32(a.v[i + 1])));
  };
  vst1q_u8(p, vreinterpretq_u8_s8(vcombine_s8(vmovn_s16(eight(0)), vmovn_s16(eight(2)))));
}
// ((a0 + a8) + (a4 + a12)) + …: halves are added until one lane is left.
inline float SumLanes(Floats a) {
  const float32x4_t four = vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
// The same sums of many vectors.
template <int kCount>
inline void SumLanesOfAll(const Floats (&a)[kCount], float* sums) {
  for (int i = 0; i < kCount; ++i) sums[i] = SumLanes(a[i]);
}
inline Ints Add(Ints a, Ints b) {
  return MakeInts([&](int i) { return vaddq_u32(a.v[i], b.v[i]); });
}
inline Ints ShiftLeft(Ints a, int bits) {
  return MakeInts([&](int i) { return vshlq_u32(a.v[i], vdupq_n_s32(bits)); });
}
inline Ints Xor(Ints a, Ints b) {
  return MakeInts([&](int i) { return veorq_u32(a.v[i], b.v[i]); });
}

// Bit 4q + i from lane i of quarter q, all or no bits of which are set: each lane keeps its bit, and their sum has all.
inline unsigned MaskOf(uint32x4_t first, uint32x4_t second, uint32x4_t third, uint32x4_t fourth) {
  const std::uint32_t bits[16] = {1u << 0, 1u << 1, 1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
                                  1u << 8, 1u << 9, 1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15};
  const uint32x4_t low = vorrq_u32(vandq_u32(first, vld1q_u32(bits)), vandq_u32(second, vld1q_u32(bits + 4)));
  const uint32x4_t high = vorrq_u32(vandq_u32(third, vld1q_u32(bits + 8)), vandq_u32(fourth, vld1q_u32(bits + 12)));
  return vaddvq_u32(vorrq_u32(low, high));
}
// Bit i is set where lane i of a is less (greater) than that of b.
inline unsigned Less(Floats a, Floats b) {
  return MaskOf(vcltq_f32(a.v[0], b.v[0]), vcltq_f32(a.v[1], b.v[1]), vcltq_f32(a.v[2], b.v[2]),
                vcltq_f32(a.v[3], b.v[3]));
}
inline unsigned Greater(Ints a, Ints b) {
  const auto greater = [&](int i) { return vcgtq_s32(Signed(a.v[i]), Signed(b.v[i])); };
  return MaskOf(greater(0), greater(1), greater(2), greater(3));
}

// Sixteen unsigned halves, each extended to a word.
inline Ints LoadHalves(const std::uint16_t* p) {
  return MakeInts([p](int i) { return vmovl_u16(vld1_u16(p + 4 * i)); });
}
// Every second of 32 halves.
inline Ints LoadEvenHalves(const std::uint16_t* p) {
  return MakeInts([p](int i) { return vmovl_u16(vld2_u16(p + 8 * i).val[0]); });
}
// low | high << 16 in each lane.
inline Ints JoinHalves(Ints low, Ints high) {
  return MakeInts([&](int i) { return vorrq_u32(low.v[i], vshlq_n_u32(high.v[i], 16)); });
}

// Counts the bits of each lane: those of each byte by CNT, summed in bytes.
//
// The empty assembly ends a count before a later one: compilers would start them all at once and spill their sums.
struct Counter {
  // Words that may be added, doubled ones twice, before Total() must be taken: a byte gets 8 a word at most, and
  // 31 · 8 = 248.
  static constexpr int kWords = 31;
  uint8x16_t sums[4] = {vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0)};
  void Count(Ints bits) {
    for (int i = 0; i < 4; ++i) sums[i] = vaddq_u8(sums[i], vcntq_u8(vreinterpretq_u8_u32(bits.v[i])));
    __asm__ volatile("" : "+w"(sums[0]), "+w"(sums[1]), "+w"(sums[2]), "+w"(sums[3]));
  }
  void Double() {
    for (int i = 0; i < 4; ++i) sums[i] = vaddq_u8(sums[i], sums[i]);
  }
  // The sum of the four bytes of each lane.
  Ints Total() const {
    return MakeInts([&](int i) { return vpaddlq_u16(vpaddlq_u8(sums[i])); });
  }
};

}  // namespace neon
}  // namespace edgehybrid

// Sixteen lanes of 32 bits in plain C++, for processors that no other set of kernels knows.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#define EDGEHYBRID_SIMD portable
#define EDGEHYBRID_ISA Isa::kPortable

namespace edgehybrid {
namespace portable {

struct Floats {
  float v[16];
};
struct Ints {
  std::int32_t v[16];
};

constexpr int kTilePixels = 2;
constexpr int kTileGroups = 1;
constexpr int kConvPixels = 2;
constexpr int kColorPixels = 0;
// Channels, and pixels beside them, whose sums of all lanes are made together.
constexpr int kDotChannels = 2;
constexpr int DotPixels(int channels) { return 4 / channels; }
constexpr bool kKeepsFewWords = false;
constexpr bool kLoadsAhead = false;

template <typename Lane>
inline Floats MakeFloats(Lane lane) {
  Floats result;
  for (int i = 0; i < 16; ++i) result.v[i] = lane(i);
  return result;
}
template <typename Lane>
inline Ints MakeInts(Lane lane) {
  Ints result;
  for (int i = 0; i < 16; ++i) result.v[i] = lane(i);
  return result;
}
inline std::uint32_t BitsOf(float a) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &a, sizeof bits);
  return bits;
}
inline float FloatOf(std::uint32_t bits) {
  float a;
  __builtin_memcpy(&a, &bits, sizeof a);
  return a;
}

inline Floats Load(const float* p) {
  return MakeFloats([p](int i) { return p[i]; });
}
// The first lanes; the others are those of `rest`.
inline Floats LoadPart(const float* p, int lanes, Floats rest) {
  for (int i = 0; i < lanes; ++i) rest.v[i] = p[i];
  return rest;
}
inline void StorePart(float* p, Floats a, int lanes) {
  for (int i = 0; i < lanes; ++i) p[i] = a.v[i];
}
inline void Store(float* p, Floats a) { StorePart(p, a, 16); }
inline Ints Load(const std::int32_t* p) {
  return MakeInts([p](int i) { return p[i]; });
}
inline Ints Load(const std::uint32_t* p) {
  return MakeInts([p](int i) { return static_cast<std::int32_t>(p[i]); });
}
inline void Store(std::int32_t* p, Ints a) {
  for (int i = 0; i < 16; ++i) p[i] = a.v[i];
}
inline void Store(std::uint32_t* p, Ints a) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::uint32_t>(a.v[i]);
}

inline Floats Broadcast(float a) {
  return MakeFloats([a](int) { return a; });
}
inline Ints BroadcastWord(const void* p) {
  std::int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return MakeInts([word](int) { return word; });
}
inline Ints ZeroInts() {
  return MakeInts([](int) { return 0; });
}

inline Floats Add(Floats a, Floats b) {
  return MakeFloats([&](int i) { return a.v[i] + b.v[i]; });
}
inline Floats Sub(Floats a, Floats b) {
  return MakeFloats([&](int i) { return a.v[i] - b.v[i]; });
}
inline Floats Mul(Floats a, Floats b) {
  return MakeFloats([&](int i) { return a.v[i] * b.v[i]; });
}
// One rounding, as the other sets have it.
inline Floats MulAdd(Floats a, Floats b, Floats c) {
  return MakeFloats([&](int i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
}
// Sums lie in memory here.
inline void FinishBeforeLoads(Floats&) {}
inline Floats Div(Floats a, Floats b) {
  return MakeFloats([&](int i) { return a.v[i] / b.v[i]; });
}
// NaN of the second operand goes through.
inline Floats Max(Floats low, Floats a) {
  return MakeFloats([&](int i) { return low.v[i] > a.v[i] ? low.v[i] : a.v[i]; });
}
inline Floats Min(Floats high, Floats a) {
  return MakeFloats([&](int i) { return high.v[i] < a.v[i] ? high.v[i] : a.v[i]; });
}
// a where condition < 0, else b.
inline Floats SelectNegative(Floats condition, Floats a, Floats b) {
  return MakeFloats([&](int i) { return condition.v[i] < 0 ? a.v[i] : b.v[i]; });
}
inline Floats FlipSigns(Floats a, Ints signs) {
  return MakeFloats([&](int i) { return FloatOf(BitsOf(a.v[i]) ^ static_cast<std::uint32_t>(signs.v[i])); });
}
inline Floats ToFloats(Ints a) {
  return MakeFloats([&](int i) { return static_cast<float>(a.v[i]); });
}
// Cut to integers that an int8 holds.
inline void StoreBytes(std::uint8_t* p, Floats a) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(a.v[i]));
}
// ((a0 + a8) + (a4 + a12)) + …: halves are added until one lane is left.
inline float SumLanes(Floats a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a.v[i] += a.v[i + half];
  }
  return a.v[0];
}
// The same sums of many vectors.
template <int kCount>
inline void SumLanesOfAll(const Floats (&a)[kCount], float* sums) {
  for (int i = 0; i < kCount; ++i) sums[i] = SumLanes(a[i]);
}
inline Ints Add(Ints a, Ints b) {
  return MakeInts([&](int i) { return a.v[i] + b.v[i]; });
}
inline Ints ShiftLeft(Ints a, int bits) {
  return MakeInts([&](int i) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v[i]) << bits); });
}
inline Ints Xor(Ints a, Ints b) {
  return MakeInts([&](int i) { return a.v[i] ^ b.v[i]; });
}

// Bit i is set where lane i of a is less (greater) than that of b.
inline unsigned Less(Floats a, Floats b) {
  unsigned mask = 0;
  for (int i = 0; i < 16; ++i) mask |= static_cast<unsigned>(a.v[i] < b.v[i]) << i;
  return mask;
}
inline unsigned Greater(Ints a, Ints b) {
  unsigned mask = 0;
  for (int i = 0; i < 16; ++i) mask |= static_cast<unsigned>(a.v[i] > b.v[i]) << i;
  return mask;
}

// Sixteen unsigned halves, each extended to a word.
inline Ints LoadHalves(const std::uint16_t* p) {
  return MakeInts([p](int i) { return p[i]; });
}
// Every second of 32 halves.
inline Ints LoadEvenHalves(const std::uint16_t* p) {
  return MakeInts([p](int i) { return p[2 * i]; });
}
// low | high << 16 in each lane.
inline Ints JoinHalves(Ints low, Ints high) {
  return MakeInts([&](int i) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(low.v[i]) | static_cast<std::uint32_t>(high.v[i]) << 16);
  });
}

// Counts the bits of each lane.
struct Counter {
  // Words that may be added, doubled ones twice, before Total() must be taken.
  static constexpr int kWords = 1 << 26;
  Ints sums = ZeroInts();
  void Count(Ints bits) {
    for (int i = 0; i < 16; ++i) sums.v[i] += __builtin_popcount(static_cast<std::uint32_t>(bits.v[i]));
  }
  void Double() {
    for (int i = 0; i < 16; ++i) sums.v[i] *= 2;
  }
  Ints Total() const { return sums; }
};

}  // namespace portable
}  // namespace edgehybrid

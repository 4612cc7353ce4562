// Convolution in full precision, for a network's first layer, its shortcuts and its classifier.
//
// The order of additions is fixed, and the same on every instruction set: sum = bias, then one fused multiply-add for
// each input.
#pragma once

#include "kernels/kernels.h"

namespace edgehybrid {
namespace EDGEHYBRID_SIMD {

template <int kPixels, int kGroups>
inline void ConvTile(const ConvStrip& s, const std::int32_t* pixel_offsets, int group, float* sums) {
  const float* pixels[kPixels];
  for (int p = 0; p < kPixels; ++p) pixels[p] = s.input + pixel_offsets[p];
  const std::ptrdiff_t size = std::ptrdiff_t{s.inputs} * kLanes;
  const float* weights = s.weights + group * size;
  Floats total[kPixels][kGroups];
  for (int p = 0; p < kPixels; ++p) {
    for (int g = 0; g < kGroups; ++g) total[p][g] = Load(s.bias + (group + g) * kLanes);
  }
  for (int i = 0; i < s.inputs; ++i) {
    const std::ptrdiff_t offset = s.input_offsets[i];
    Floats w[kGroups];
    for (int g = 0; g < kGroups; ++g) w[g] = Load(weights + g * size + std::ptrdiff_t{i} * kLanes);
    for (int p = 0; p < kPixels; ++p) {
      const Floats x = Broadcast(pixels[p][offset]);
      for (int g = 0; g < kGroups; ++g) total[p][g] = MulAdd(x, w[g], total[p][g]);
    }
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int g = 0; g < kGroups; ++g) Store(sums + p * s.stride + (group + g) * kLanes, total[p][g]);
  }
}

// The first layer of a network: places of three channels, three in a row of the window, and pixels side by side. A
// number is broadcast once for the three pixels that read it.
constexpr int kColors = 3, kColorRow = 3 * kColors;
constexpr int kColorWaves = 4;

template <int kPixels>
inline void ConvColorTile(const ConvStrip& s, const float* pixel, int group, float* sums) {
  const float* weights = s.weights + std::ptrdiff_t{group} * s.inputs * kLanes;
  Floats total[kPixels];
  for (Floats& t : total) t = Load(s.bias + group * kLanes);
  for (int i = 0; i < s.inputs; i += kColorRow, weights += kColorRow * kLanes) {
    const float* at = pixel + s.input_offsets[i];
    Floats w[kColorRow];
    for (int j = 0; j < kColorRow; ++j) w[j] = Load(weights + j * kLanes);
    // Three pixels read a number, one behind the other, and each adds to what it added just before. Waves that are
    // far apart take turns, so that more sums are under way.
    static_assert(kPixels % kColorWaves == 0, "a wave would reach behind the last pixel");
    constexpr int kWave = kPixels / kColorWaves;
#pragma GCC unroll 64
    for (int j = 0; j < (kWave - 1) * kColors + kColorRow; ++j) {
#pragma GCC unroll 4
      for (int first = 0; first < kPixels; first += kWave) {
        const Floats x = Broadcast(at[first * kColors + j]);
#pragma GCC unroll 16
        for (int p = 0; p < kWave; ++p) {
          const int place = j - p * kColors;
          if (place < 0 || place >= kColorRow) continue;
          total[first + p] = MulAdd(x, w[place], total[first + p]);
          FinishBeforeLoads(total[first + p]);
        }
      }
    }
  }
  for (int p = 0; p < kPixels; ++p) Store(sums + p * s.stride, total[p]);
}

inline bool HasSteps(const std::int32_t* offsets, int count, int step) {
  bool has = true;
  for (int i = 1; i < count; ++i) has = has && offsets[i] - offsets[i - 1] == step;
  return has;
}

inline bool HasColorRows(const ConvStrip& s) {
  bool has = s.inputs % kColorRow == 0;
  for (int i = 0; has && i < s.inputs; i += kColorRow) has = HasSteps(s.input_offsets + i, kColorRow, 1);
  return has;
}

template <int kGroups>
inline void ConvGroups(const ConvStrip& s, int group) {
  constexpr int kPixels = kGroups > 1 ? kTilePixels : kConvPixels;
  int p = 0;
  if constexpr (kGroups == 1 && kColorPixels > 0) {
    const bool in_rows = HasColorRows(s);
    for (; in_rows && p + kColorPixels <= s.pixels; p += kColorPixels) {
      const std::int32_t* offsets = s.pixel_offsets + p;
      if (!HasSteps(offsets, kColorPixels, kColors)) break;
      ConvColorTile<kColorPixels>(s, s.input + offsets[0], group, s.sums + p * s.stride + group * kLanes);
    }
  }
  for (; p + kPixels <= s.pixels; p += kPixels) {
    ConvTile<kPixels, kGroups>(s, s.pixel_offsets + p, group, s.sums + p * s.stride);
  }
  for (; p < s.pixels; ++p) ConvTile<1, kGroups>(s, s.pixel_offsets + p, group, s.sums + p * s.stride);
}

inline void Conv(const ConvStrip& s) {
  int group = 0;
  for (; group + kTileGroups <= s.groups; group += kTileGroups) ConvGroups<kTileGroups>(s, group);
  for (; kTileGroups > 2 && group + 2 <= s.groups; group += 2) ConvGroups<2>(s, group);
  for (; group < s.groups; ++group) ConvGroups<1>(s, group);
}

// Partial sums of some pixels, [pixel][channel].
template <int kPixels, int kChannels>
[[gnu::always_inline]] inline void DotSums(const DotStrip& s, const std::int32_t* pixel_offsets, int channel,
                                           Floats* total) {
  const float* pixels[kPixels];
  for (int p = 0; p < kPixels; ++p) pixels[p] = s.input + pixel_offsets[p];
  const std::ptrdiff_t size = std::ptrdiff_t{s.vectors} * kLanes;
  const float* weights = s.weights + channel * size;
  const std::int32_t* offsets = s.vector_offsets;
  const int vectors = s.vectors;
  for (int v = 0; v < vectors; ++v) {
    const std::ptrdiff_t offset = offsets[v];
    Floats w[kChannels];
    for (int c = 0; c < kChannels; ++c) w[c] = Load(weights + c * size + v * kLanes);
#pragma GCC unroll 16
    for (int p = 0; p < kPixels; ++p) {
      const Floats x = Load(pixels[p] + offset);
      for (int c = 0; c < kChannels; ++c) total[p * kChannels + c] = MulAdd(x, w[c], total[p * kChannels + c]);
      for (int c = 0; c < kChannels; ++c) FinishBeforeLoads(total[p * kChannels + c]);
    }
  }
}

// The same of one channel, where pixels are vectors that lie side by side and so do the places of each row of the
// window, three at a time: a vector is loaded once for all of them.
template <int kPixels>
[[gnu::always_inline]] inline void DotSumsOfRows(const DotStrip& s, const float* pixel, int channel, Floats* total) {
  const float* w = s.weights + std::ptrdiff_t{channel} * s.vectors * kLanes;
  for (int v = 0; v < s.vectors; v += 3, w += 3 * kLanes) {
    const float* at = pixel + s.vector_offsets[v];
    const Floats w0 = Load(w), w1 = Load(w + kLanes), w2 = Load(w + 2 * kLanes);
    Floats x0 = Load(at), x1 = Load(at + kLanes);
#pragma GCC unroll 16
    for (int p = 0; p < kPixels; ++p) {
      const Floats x2 = Load(at + (p + 2) * kLanes);
      total[p] = MulAdd(x2, w2, MulAdd(x1, w1, MulAdd(x0, w0, total[p])));
      x0 = x1;
      x1 = x2;
    }
  }
}

// Offsets rise by whole vectors, so the last tells of those between.
inline bool LieSideBySide(const std::int32_t* offsets, int count) {
  return offsets[count - 1] - offsets[0] == (count - 1) * kLanes;
}

inline bool HasRowsOfThree(const DotStrip& s) {
  bool has = s.vectors % 3 == 0;
  for (int v = 0; has && v < s.vectors; v += 3) has = LieSideBySide(s.vector_offsets + v, 3);
  return has;
}

// starts: the bias of each sum.
template <int kPixels, int kChannels>
inline void DotTile(const DotStrip& s, const std::int32_t* pixel_offsets, int channel, bool in_rows,
                    const float* starts, float* sums) {
  constexpr int kCount = kPixels * kChannels;
  Floats total[kCount];
  for (Floats& t : total) t = Broadcast(0.0f);
  if (kPixels > 1 && kChannels == 1 && in_rows && LieSideBySide(pixel_offsets, kPixels)) {
    DotSumsOfRows<kPixels>(s, s.input + pixel_offsets[0], channel, total);
  } else {
    DotSums<kPixels, kChannels>(s, pixel_offsets, channel, total);
  }
  float sum[kCount];
  SumLanesOfAll(total, sum);
  int i = 0;
  for (; i + kLanes <= kCount; i += kLanes) Store(sum + i, Add(Load(starts + i), Load(sum + i)));
  for (; i < kCount; ++i) sum[i] = starts[i] + sum[i];
  // Nothing lies between the pixels.
  if (s.stride == kChannels) {
    __builtin_memcpy(sums, sum, sizeof sum);
    return;
  }
  for (int p = 0; p < kPixels; ++p) {
    __builtin_memcpy(sums + p * s.stride, sum + p * kChannels, kChannels * sizeof(float));
  }
}

template <int kChannels>
inline void DotChannels(const DotStrip& s, int channel) {
  constexpr int kPixels = DotPixels(kChannels);
  const bool in_rows = kChannels == 1 && HasRowsOfThree(s);
  float starts[kPixels * kChannels];
  for (int i = 0; i < kPixels * kChannels; ++i) starts[i] = s.bias[channel + i % kChannels];
  const std::int32_t* offsets = s.pixel_offsets;
  float* sums = s.sums + channel;
  int p = 0;
  for (; p + kPixels <= s.pixels; p += kPixels) {
    DotTile<kPixels, kChannels>(s, offsets + p, channel, in_rows, starts, sums + p * s.stride);
  }
  for (; p < s.pixels; ++p) DotTile<1, kChannels>(s, offsets + p, channel, in_rows, starts, sums + p * s.stride);
}

// As many channels at a time as there are, or find room.
template <int kChannels>
inline void DotFrom(const DotStrip& s, int channel) {
  for (; channel + kChannels <= s.channels; channel += kChannels) DotChannels<kChannels>(s, channel);
  if constexpr (kChannels > 1) DotFrom<kChannels - 1>(s, channel);
}

inline void Dot(const DotStrip& s) { DotFrom<kDotChannels>(s, 0); }

inline void Depthwise(const WindowStrip& s) {
  const std::ptrdiff_t channels = std::ptrdiff_t{s.groups} * kLanes;
  for (std::ptrdiff_t c = 0; c < channels; c += kLanes) {
    Floats sum = Load(s.bias + c);
    for (int t = 0; t < s.taps; ++t) {
      sum = MulAdd(Load(s.input + s.tap_offsets[t] + c), Load(s.weights + s.tap_numbers[t] * channels + c), sum);
    }
    Store(s.sums + c, sum);
  }
}

}  // namespace EDGEHYBRID_SIMD
}  // namespace edgehybrid

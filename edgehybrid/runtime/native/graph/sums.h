// The order in which a convolution in full precision adds, where it has few output channels.
//
// With lanes along the output channels most lanes would be idle, so they run along the input channels: input channel i
// of every tap goes to partial sum i % 16, each a chain of fused multiply-adds from 0. The partial sums are then added
// by halves, ((p0 + p8) + (p4 + p12)) + …, and their sum to the bias.
#pragma once

namespace edgehybrid {

constexpr int kFewChannels = 6;
constexpr int kPartialSums = 16;

inline bool AddsInParts(int channels_out) { return channels_out <= kFewChannels; }

inline float SumOfParts(float (&parts)[kPartialSums]) {
  for (int half = kPartialSums / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) parts[i] += parts[i + half];
  }
  return parts[0];
}

}  // namespace edgehybrid

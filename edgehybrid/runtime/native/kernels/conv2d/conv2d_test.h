// Sums of products, added one by one in the order that is promised.
#pragma once

#include "kernels/kernel_test.h"

namespace edgehybrid {

class ConvTest : public KernelTest {
 public:
  using KernelTest::KernelTest;

  void Run() {
    Section("conv", [this] { Conv(); });
    Section("dot", [this] { Dot(); });
  }

 private:
  // Offsets that rise by multiples of `step`: by one as often as not, and by any at the end of each row.
  std::vector<std::int32_t> RisingOffsets(int count, int row, int step) {
    const bool is_dense = dice_.Within(0, 1) == 1;
    auto all = Sized<std::int32_t>(count);
    for (int i = 1; i < count; ++i) {
      const int steps = is_dense && i % row != 0 ? 1 : dice_.Within(1, 3);
      all[static_cast<std::size_t>(i)] = all[static_cast<std::size_t>(i - 1)] + steps * step;
    }
    return all;
  }

  void ConvCase(int pixels, int groups, int inputs) {
    constexpr int kPixelFloats = 64, kFurthest = 400;
    ConvCaseAt(Offsets(pixels, kPixelFloats, 1), Offsets(inputs, kFurthest, 1), groups);
  }

  void ConvCaseAt(const std::vector<std::int32_t>& pixel_offsets, const std::vector<std::int32_t>& input_offsets,
                  int groups) {
    const int pixels = static_cast<int>(pixel_offsets.size()), inputs = static_cast<int>(input_offsets.size());
    const int rarity = Rarity(inputs), stride = groups * kLanes + dice_.Within(0, 20);
    auto input = Sized<float>(*std::max_element(pixel_offsets.begin(), pixel_offsets.end()) +
                              *std::max_element(input_offsets.begin(), input_offsets.end()) + 1);
    auto weights = Sized<float>(groups * inputs * kLanes);
    auto bias = Sized<float>(groups * kLanes), expected = Sized<float>(pixels * stride);
    Fill(input, rarity);
    Fill(weights, rarity);
    Fill(bias, rarity);
    Fill(expected, 0);
    auto actual = expected;
    for (int p = 0; p < pixels; ++p) {
      for (int c = 0; c < groups * kLanes; ++c) {
        float sum = bias[static_cast<std::size_t>(c)];
        for (int i = 0; i < inputs; ++i) {
          sum = std::fma(input[static_cast<std::size_t>(pixel_offsets[p] + input_offsets[i])],
                         weights[static_cast<std::size_t>((c / kLanes * inputs + i) * kLanes + c % kLanes)], sum);
        }
        expected[static_cast<std::size_t>(p * stride + c)] = sum;
      }
    }
    kernels_.conv({input.data(), pixel_offsets.data(), pixels, input_offsets.data(), inputs, weights.data(),
                   bias.data(), groups, actual.data(), stride});
    Compare(actual, expected, Case({{"pixels", pixels}, {"groups", groups}, {"inputs", inputs}}));
  }

  void Conv() {
    for (int pixels = 1; pixels <= 40; ++pixels) {
      for (int groups = 1; groups <= 9; ++groups) ConvCase(pixels, groups, dice_.Within(1, 30));
    }
    for (const int channels : channels_) ConvCase(dice_.Within(1, 9), dice_.Within(1, 3), channels);
    // Images of three colours, windows of three places and any number of rows.
    for (int pixels = 1; pixels <= 70; ++pixels) {
      ConvCaseAt(RisingOffsets(pixels, 32, 3), RisingOffsets(9 * dice_.Within(1, 4), 9, 1), dice_.Within(1, 3));
    }
  }

  // By halves: 16 lanes become 8, 4, 2, 1.
  static float SumOf(std::vector<float> lanes) {
    for (std::size_t half = lanes.size() / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    }
    return lanes[0];
  }

  void DotCase(int pixels, int channels, int vectors) {
    const int inputs = vectors * kLanes, rarity = Rarity(inputs);
    const int stride = dice_.Within(0, 1) == 1 ? channels : kLanes + dice_.Within(0, 20);
    const auto pixel_offsets = RisingOffsets(pixels, 32, kLanes);
    const auto vector_offsets = RisingOffsets(vectors, 3, kLanes);
    auto input = Sized<float>(pixel_offsets.back() + vector_offsets.back() + kLanes);
    auto weights = Sized<float>(channels * inputs);
    auto bias = Sized<float>(channels), expected = Sized<float>(pixels * stride);
    Fill(input, rarity);
    Fill(weights, rarity);
    Fill(bias, rarity);
    Fill(expected, 0);
    auto actual = expected;
    for (int p = 0; p < pixels; ++p) {
      for (int c = 0; c < channels; ++c) {
        auto lanes = Sized<float>(kLanes);
        for (int i = 0; i < inputs; ++i) {
          float& lane = lanes[static_cast<std::size_t>(i % kLanes)];
          lane = std::fma(input[static_cast<std::size_t>(pixel_offsets[p] + vector_offsets[i / kLanes] + i % kLanes)],
                          weights[static_cast<std::size_t>(c * inputs + i)], lane);
        }
        expected[static_cast<std::size_t>(p * stride + c)] = bias[static_cast<std::size_t>(c)] + SumOf(lanes);
      }
    }
    kernels_.dot({input.data(), pixel_offsets.data(), pixels, vector_offsets.data(), vectors, weights.data(), bias.data(),
                  channels, actual.data(), stride});
    Compare(actual, expected, Case({{"pixels", pixels}, {"channels", channels}, {"vectors", vectors}}));
  }

  void Dot() {
    for (int pixels = 1; pixels <= 40; ++pixels) {
      for (int channels = 1; channels <= 6; ++channels) {
        DotCase(pixels, channels, dice_.Within(1, 36));
        DotCase(pixels, channels, 9);
      }
    }
  }
};

}  // namespace edgehybrid

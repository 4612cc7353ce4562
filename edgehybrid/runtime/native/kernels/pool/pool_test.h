// Windows, one channel at a time.
#pragma once

#include "kernels/kernel_test.h"

namespace edgehybrid {

class WindowTest : public KernelTest {
 public:
  using KernelTest::KernelTest;

  void Run() {
    Section("depthwise", [this] { Depthwise(); });
    Section("max_pool", [this] { MaxPool(); });
    Section("average_pool", [this] { AveragePool(); });
  }

 private:
  // expected(values and weights of the taps, bias, divisor) is one channel's result.
  using Window = std::function<float(const std::vector<float>&, const std::vector<float>&, float, float)>;

  void WindowCases(void (*kernel)(const WindowStrip&), const Window& window) {
    for (int number = 0; number < 400; ++number) {
      constexpr int kFurthest = 300, kPlaces = 25;
      const int channels = dice_.OneOf(channels_), groups = GroupsOf(channels), lanes = groups * kLanes;
      const int taps = dice_.Within(0, kPlaces), rarity = number % 4 == 0 ? 2 : Rarity(taps);
      auto input = Sized<float>(kFurthest + lanes), weights = Sized<float>(kPlaces * lanes), bias = Sized<float>(lanes);
      Fill(input, rarity);
      Fill(weights, rarity);
      Fill(bias, rarity);
      const auto tap_offsets = Offsets(taps, kFurthest, 1), tap_numbers = Offsets(taps, kPlaces, 1);
      const auto divisor = static_cast<float>(taps);
      auto expected = Sized<float>(lanes + kLanes);
      Fill(expected, 0);
      auto actual = expected;
      for (int c = 0; c < lanes; ++c) {
        std::vector<float> values, factors;
        for (int t = 0; t < taps; ++t) {
          values.push_back(input[static_cast<std::size_t>(tap_offsets[t] + c)]);
          factors.push_back(weights[static_cast<std::size_t>(tap_numbers[t] * lanes + c)]);
        }
        expected[static_cast<std::size_t>(c)] = window(values, factors, bias[static_cast<std::size_t>(c)], divisor);
      }
      kernel({input.data(), tap_offsets.data(), tap_numbers.data(), taps, weights.data(), bias.data(), divisor, groups,
              actual.data()});
      Compare(actual, expected, Case({{"channels", channels}, {"taps", taps}}));
    }
  }

  void Depthwise() {
    WindowCases(kernels_.depthwise, [](const auto& values, const auto& factors, float bias, float) {
      float sum = bias;
      for (std::size_t i = 0; i < values.size(); ++i) sum = std::fma(values[i], factors[i], sum);
      return sum;
    });
  }

  void MaxPool() {
    WindowCases(kernels_.max_pool, [](const auto& values, const auto&, float, float) {
      float largest = -std::numeric_limits<float>::infinity();
      for (const float value : values) {
        if (value > largest) largest = value;
      }
      return largest;
    });
  }

  void AveragePool() {
    WindowCases(kernels_.average_pool, [](const auto& values, const auto&, float, float divisor) {
      float sum = 0;
      for (const float value : values) sum += value;
      return sum / divisor;
    });
  }
};

}  // namespace edgehybrid

// Halves of words side by side.
#pragma once

#include "kernels/kernel_test.h"

namespace edgehybrid {

class JoinTest : public KernelTest {
 public:
  using KernelTest::KernelTest;

  void Run() {
    Section("join", [this] { Join(); });
  }

 private:
  void Join() {
    for (int number = 0; number < 200; ++number) {
      const int pixels = number % 70 + 1, rows = number % 4 + 1, step = number % 2 + 1;
      const std::ptrdiff_t row = 2 * (pixels * step + dice_.Within(0, 3));
      // The last vector is loaded whole.
      auto low = Sized<std::uint8_t>(static_cast<int>(rows * row) + 4 * kLanes), high = low;
      Fill(low);
      Fill(high);
      const bool has_high = number % 3 != 0;
      auto expected = Sized<std::uint32_t>(rows * pixels + kLanes);
      Fill(expected);
      auto actual = expected;
      const auto half = [=](const std::vector<std::uint8_t>& map, int y, int x) {
        const auto place = static_cast<std::size_t>(y * row + 2 * x * step);
        return static_cast<std::uint32_t>(map[place] | map[place + 1] << 8);
      };
      for (int y = 0; y < rows; ++y) {
        for (int x = 0; x < pixels; ++x) {
          const std::uint32_t word = half(low, y, x) | (has_high ? half(high, y, x) << 16 : 0u);
          expected[static_cast<std::size_t>(y * pixels + x)] = word;
        }
      }
      kernels_.join({low.data(), has_high ? high.data() : nullptr, row, step, rows, pixels, actual.data()});
      // The rest of the last vector is anything.
      std::copy(actual.begin() + rows * pixels, actual.end(), expected.begin() + rows * pixels);
      Compare(actual, expected,
              Case({{"pixels", pixels}, {"rows", rows}, {"step", step}, {"high", has_high}}));
    }
  }
};

}  // namespace edgehybrid

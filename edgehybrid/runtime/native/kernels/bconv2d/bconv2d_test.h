// Sums of bits that differ, counted one by one.
#pragma once

#include "kernels/bconv2d/bits.h"
#include "kernels/kernel_test.h"

namespace edgehybrid {

class BconvTest : public KernelTest {
 public:
  using KernelTest::KernelTest;

  void Run() {
    for (const Bits& bits : kBits) {
      Section(bits.name, [this, &bits] { Bconv(bits.activation, bits.weight, PassesOf(bits)); });
    }
    Section("bconv, any passes", [this] { BconvOfAnyPasses(); });
  }

 private:
  // all_differ: the largest count.
  void BconvCase(int pixels, int groups, int words, int planes, int filters, const std::vector<BconvPass>& passes,
                 bool all_differ = false) {
    constexpr int kPixelWords = 64, kFurthest = 340;
    auto input = Sized<std::uint32_t>(kPixelWords + kFurthest);
    const int stride = groups * kLanes + dice_.Within(0, 20);
    auto weights = Sized<std::uint32_t>(groups * filters * words * kLanes);
    Fill(input);
    Fill(weights);
    // All bits differ, none does: the largest and the smallest count.
    if (all_differ || dice_.Within(0, 7) == 0) {
      std::fill(input.begin(), input.end(), 0u);
      std::fill(weights.begin(), weights.end(), !all_differ && dice_.Within(0, 1) == 0 ? 0u : ~0u);
    }
    const auto pixel_offsets = Offsets(pixels, kPixelWords, 4), word_offsets = Offsets(planes * words, kFurthest, 4);
    auto expected = Sized<std::int32_t>(pixels * stride);
    Fill(expected);
    auto actual = expected;
    for (int p = 0; p < pixels; ++p) {
      for (int c = 0; c < groups * kLanes; ++c) {
        std::int32_t sum = 0;
        for (const BconvPass& pass : passes) {
          sum <<= pass.doublings;
          for (int i = 0; i < words; ++i) {
            const std::int32_t word_offset = word_offsets[static_cast<std::size_t>(pass.plane * words + i)];
            const std::uint32_t word = input[static_cast<std::size_t>((pixel_offsets[p] + word_offset) / 4)];
            const int place = ((c / kLanes * filters + pass.filter) * words + i) * kLanes + c % kLanes;
            sum += __builtin_popcount(word ^ weights[static_cast<std::size_t>(place)]);
          }
        }
        expected[static_cast<std::size_t>(p * stride + c)] = sum;
      }
    }
    const int count = static_cast<int>(passes.size());
    kernels_.bconv({reinterpret_cast<const std::uint8_t*>(input.data()), pixel_offsets.data(), pixels,
                    word_offsets.data(), words, weights.data(), filters, groups, passes.data(), count, actual.data(),
                    stride});
    Compare(actual, expected, Case({{"pixels", pixels}, {"groups", groups}, {"words", words}, {"planes", planes},
                                    {"filters", filters}, {"passes", count}}));
  }

  void Bconv(int planes, int filters, const std::vector<BconvPass>& passes) {
    for (int pixels = 1; pixels <= 40; ++pixels) {
      for (int groups = 1; groups <= 9; ++groups) {
        BconvCase(pixels, groups, dice_.Within(1, 40), planes, filters, passes);
      }
    }
    for (int words = 1; words <= 300; ++words) {
      BconvCase(dice_.Within(1, 9), dice_.Within(1, 5), words, planes, filters, passes);
    }
    // Sums beyond 16 bits, each side of it.
    for (const int words : {1023, 1024, 2047, 2048, 2049}) BconvCase(3, 2, words, planes, filters, passes, true);
    // 3×3 windows of all channel counts.
    for (const int channels : channels_) {
      BconvCase(8, GroupsOf(channels), 9 * ((channels + 31) / 32), planes, filters, passes);
    }
  }

  // More planes than the list has, powers that leave some out, filters in any order.
  void BconvOfAnyPasses() {
    for (int number = 0; number < 400; ++number) {
      const int planes = dice_.Within(1, 4), filters = dice_.Within(1, 4);
      std::vector<int> exponents{0};
      while (static_cast<int>(exponents.size()) < filters) exponents.push_back(dice_.Within(0, 5));
      std::swap(exponents[0], exponents[static_cast<std::size_t>(dice_.Within(0, filters - 1))]);
      BconvCase(dice_.Within(1, 9), dice_.Within(1, 5), dice_.Within(1, 40), planes, filters,
                PassesOf(planes, exponents));
    }
  }
};

}  // namespace edgehybrid

// Windows of narrow maps, place by place, and what follows them by the kernel of its own.
#pragma once

#include "kernels/program/program_test.h"

namespace edgehybrid {

class NarrowTest : public ProgramTest {
 public:
  using ProgramTest::ProgramTest;

  // Sets without these kernels run one behind the other.
  void Run() {
    const std::vector<MicroOp> scale{MicroOp{Micro::kScale}, MicroOp{Micro::kStore}};
    if (kernels_.narrow(scale.data(), 2, kWholeWords) == nullptr) return;
    Section("narrow", [this] { Narrow<std::uint32_t>(); });
    Section("narrow, halved words", [this] { Narrow<std::uint16_t>(); });
  }

 private:
  // Pixel: of the map that is read.
  template <typename Pixel>
  void Narrow() {
    const std::vector<std::vector<Micro>> all = CompiledSequences();
    for (int number = 0; number < 8; ++number) {
      for (const std::vector<Micro>& kinds : all) {
        if (IsOfCounts(kinds)) NarrowCase<Pixel>(kinds);
      }
    }
  }

  template <typename Pixel>
  void NarrowCase(const std::vector<Micro>& kinds) {
    constexpr bool kIsHalved = sizeof(Pixel) == 2;
    constexpr std::size_t kPlaces = 9, kWords = kIsHalved ? kHalvedWords : kWholeWords;
    const int channels = dice_.OneOf(channels_), groups = GroupsOf(channels);
    const int rows = dice_.Within(1, 4), row_pixels = dice_.Within(1, 40), pixels = rows * row_pixels;
    const int stride = dice_.Within(1, 2), dilation = dice_.Within(1, 2), gap = dice_.Within(0, 2);
    // Of the map that is read, with a few behind the last window.
    const int row = row_pixels * stride + 2 + dice_.Within(0, 3);
    auto map = Sized<Pixel>(((rows - 1) * stride + 2 * dilation + 1) * row);
    auto places = Sized<Pixel>(groups * kLanes * static_cast<int>(kPlaces));
    Fill(map);
    Fill(places);
    const auto at = [&](int p, int place) {
      const int y = p / row_pixels * stride + place / 3 * dilation, x = p % row_pixels * stride + place % 3;
      return map[static_cast<std::size_t>(y * row + x)];
    };
    auto sums = Sized<std::int32_t>(pixels * groups * kLanes);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const int p = static_cast<int>(i) / (groups * kLanes);
      const std::size_t filter = i % static_cast<std::size_t>(groups * kLanes) * kPlaces;
      for (std::size_t place = 0; place < kPlaces; ++place) {
        sums[i] += __builtin_popcount(at(p, static_cast<int>(place)) ^ places[filter + place]);
      }
    }

    std::vector<Operation> operations = RandomOperations(kinds, channels, rows * (row_pixels + gap), true);
    std::vector<Operation> expected = operations;
    const auto [wanted_ops, wanted_maps] = Bound(expected, row_pixels + gap);
    const int count = static_cast<int>(kinds.size());
    kernels_.program(wanted_ops.data(), count, true)({sums.data(), groups * kLanes, rows, row_pixels, 0, groups,
                                                      wanted_ops.data(), wanted_maps.data(), count});

    auto weights = Sized<std::uint32_t>(groups * static_cast<int>(kWords) * kLanes);
    constexpr std::size_t kPlacesAWord = kIsHalved ? 2 : 1;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::size_t filter = i / kPlaces, place = i % kPlaces, word = filter / kLanes * kWords + place / kPlacesAWord;
      weights[word * kLanes + filter % kLanes] |= std::uint32_t{places[i]} << place % kPlacesAWord * 16;
    }
    auto second = Sized<std::uint32_t>(pixels), last = Sized<std::uint32_t>(pixels);
    for (int p = 0; p < pixels; ++p) {
      second[static_cast<std::size_t>(p)] = at(p, 2) | static_cast<std::uint32_t>(at(p, 3)) << 16;
      last[static_cast<std::size_t>(p)] = at(p, 8);
    }
    const auto bytes = [&](int y, int x) { return static_cast<std::int32_t>(sizeof(Pixel)) * (y * row + x); };
    const auto [ops, maps] = Bound(operations, row_pixels + gap);
    kernels_.narrow(ops.data(), count, static_cast<int>(kWords))({reinterpret_cast<const std::uint8_t*>(map.data()),
                                        bytes(stride, 0),
                                        bytes(0, stride),
                                        {0, bytes(dilation, kIsHalved ? 1 : 0), bytes(2 * dilation, 0)},
                                        {second.data(), last.data()},
                                        weights.data(),
                                        {nullptr, 0, rows, row_pixels, 0, groups, ops.data(), maps.data(), count}});
    CompareMaps(operations, expected,
                Case({{"channels", channels}, {"rows", rows}, {"pixels", row_pixels}, {"stride", stride},
                      {"dilation", dilation}}) + " operations" + Listed(kinds));
  }
};

}  // namespace edgehybrid

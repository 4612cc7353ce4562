// Windows of narrow maps, place by place, and what follows them by the kernel of its own.
#pragma once

#include "kernels/program/program_test.h"

namespace edgehybrid {

class NarrowTest : public ProgramTest {
 public:
  using ProgramTest::ProgramTest;

  // Sets without these kernels run one behind the other.
  void Run() {
    const std::vector<MicroOp> store{MicroOp{Micro::kStore}};
    if (kernels_.narrow(store.data(), 1) != nullptr) Section("narrow", [this] { Narrow(); });
  }

 private:
  void Narrow() {
    const std::vector<std::vector<Micro>> all = CompiledSequences();
    for (int number = 0; number < 8; ++number) {
      for (const std::vector<Micro>& kinds : all) NarrowCase(kinds);
    }
  }

  void NarrowCase(const std::vector<Micro>& kinds) {
    constexpr int kPlaces = 9;
    const int channels = dice_.OneOf(channels_), groups = GroupsOf(channels);
    const int rows = dice_.Within(1, 4), row_pixels = dice_.Within(1, 40), pixels = rows * row_pixels;
    const int stride = dice_.Within(1, 2), dilation = dice_.Within(1, 2), gap = dice_.Within(0, 2);
    // Of the map that is read: halves of a row, with a few behind the last window.
    const int row = row_pixels * stride + 2 + dice_.Within(0, 3);
    auto map = Sized<std::uint16_t>(((rows - 1) * stride + 2 * dilation + 1) * row);
    auto places = Sized<std::uint16_t>(groups * kLanes * kPlaces);
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
      for (int place = 0; place < kPlaces; ++place) {
        sums[i] += __builtin_popcount(at(p, place) ^ places[filter + static_cast<std::size_t>(place)]);
      }
    }

    std::vector<Operation> operations = RandomOperations(kinds, channels, rows * (row_pixels + gap));
    std::vector<Operation> expected = operations;
    const auto [wanted_ops, wanted_maps] = Bound(expected, row_pixels + gap);
    const int count = static_cast<int>(kinds.size());
    kernels_.program(wanted_ops.data(), count, true)({sums.data(), groups * kLanes, rows, row_pixels, 0, groups,
                                                      wanted_ops.data(), wanted_maps.data(), count});

    auto weights = Sized<std::uint32_t>(groups * kNarrowWords * kLanes);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::size_t filter = i / kPlaces, place = i % kPlaces;
      const std::size_t word = filter / kLanes * kNarrowWords + place / 2;
      weights[word * kLanes + filter % kLanes] |= static_cast<std::uint32_t>(places[i]) << place % 2 * 16;
    }
    auto second = Sized<std::uint32_t>(pixels), last = Sized<std::uint32_t>(pixels);
    for (int p = 0; p < pixels; ++p) {
      second[static_cast<std::size_t>(p)] = at(p, 2) | static_cast<std::uint32_t>(at(p, 3)) << 16;
      last[static_cast<std::size_t>(p)] = at(p, 8);
    }
    const auto bytes = [&](int y, int x) { return static_cast<std::int32_t>(sizeof(std::uint16_t)) * (y * row + x); };
    const auto [ops, maps] = Bound(operations, row_pixels + gap);
    kernels_.narrow(ops.data(), count)({reinterpret_cast<const std::uint8_t*>(map.data()),
                                        bytes(stride, 0),
                                        bytes(0, stride),
                                        {0, bytes(dilation, 1), bytes(2 * dilation, 0)},
                                        {second.data(), last.data()},
                                        weights.data(),
                                        {nullptr, 0, rows, row_pixels, 0, groups, ops.data(), maps.data(), count}});
    CompareMaps(operations, expected,
                Case({{"channels", channels}, {"rows", rows}, {"pixels", row_pixels}, {"stride", stride},
                      {"dilation", dilation}}) + " operations" + Listed(kinds));
  }
};

}  // namespace edgehybrid

// What the tests of all kernels share: random inputs with edge values among them, and the comparison.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace edgehybrid {

// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every platform.
struct Random {
  std::uint64_t state;
  std::uint64_t Next() {
    std::uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  int Within(std::int64_t first, std::int64_t last) {
    return static_cast<int>(first + static_cast<std::int64_t>(Next() % static_cast<std::uint64_t>(last - first + 1)));
  }
  template <typename T>
  T OneOf(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(Within(0, static_cast<int>(all.size()) - 1))];
  }
  std::uint32_t Word() { return static_cast<std::uint32_t>(Next()); }
  float Number() { return static_cast<float>(Within(-(1 << 20), 1 << 20)) / (1 << Within(10, 22)); }
};

inline std::vector<float> EdgeValues() {
  using Limits = std::numeric_limits<float>;
  std::vector<float> all{0.0f, 1.0f, Limits::infinity(), Limits::denorm_min(), Limits::min(), Limits::max(),
                         std::nextafter(Limits::min(), 0.0f), 3.0f * Limits::denorm_min(), Limits::quiet_NaN(),
                         // Where rounding to an int8 turns, and where it saturates.
                         0.5f, std::nextafter(0.5f, 0.0f), 1.5f, std::nextafter(2.5f, 0.0f), 126.5f, 127.5f, 128.5f};
  for (std::size_t i = 0, count = all.size(); i < count; ++i) all.push_back(-all[i]);
  return all;
}

// Around every multiple of 16 and 32 up to 130.
inline std::vector<int> ChannelCounts() {
  std::vector<int> all{1, 2};
  for (int c = 16; c <= 128; c += 16) all.insert(all.end(), {c - 1, c, c + 1});
  all.push_back(130);
  return all;
}

inline int GroupsOf(int channels) { return (channels + kLanes - 1) / kLanes; }

template <typename T>
std::vector<T> Sized(std::ptrdiff_t size) {
  return std::vector<T>(static_cast<std::size_t>(size));
}

inline bool IsSame(std::int32_t a, std::int32_t b) { return a == b; }
inline bool IsSame(std::uint32_t a, std::uint32_t b) { return a == b; }
inline bool IsSame(std::uint8_t a, std::uint8_t b) { return a == b; }
inline bool IsSame(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}

// A test of one family of kernels.
class KernelTest {
 public:
  KernelTest(const Kernels& kernels, std::uint64_t seed) : kernels_(kernels), dice_{seed} {}

  // False where a value differed or a kernel ran no case.
  bool is_good() const { return is_good_; }

 protected:
  void Section(const char* name, const std::function<void()>& run) {
    name_ = name;
    cases_ = 0;
    run();
    std::printf("%-9s %-21s %6d cases\n", NameOf(kernels_.isa), name, cases_);
    if (cases_ == 0) is_good_ = false;
  }

  // One case: the kernel's output, with what lies around it, against the loop's.
  template <typename T>
  void Compare(const std::vector<T>& actual, const std::vector<T>& expected, const std::string& what) {
    ++cases_;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (IsSame(actual[i], expected[i])) continue;
      is_good_ = false;
      std::printf("%s %s, %s: value %zu is %.9g, not %.9g\n", NameOf(kernels_.isa), name_, what.c_str(), i,
                  static_cast<double>(actual[i]), static_cast<double>(expected[i]));
      return;
    }
  }

  static std::string Case(std::initializer_list<std::pair<const char*, int>> parts) {
    std::string text;
    for (const auto& part : parts) {
      text += std::string(text.empty() ? "" : " ") + part.first + " " + std::to_string(part.second);
    }
    return text;
  }

  // Sums of more than a few values hide edge values behind the first NaN: only every `rarity`-th is one, 0 for none.
  float Value(int rarity) { return rarity != 0 && dice_.Within(1, rarity) == 1 ? dice_.OneOf(edges_) : dice_.Number(); }
  void Fill(std::vector<float>& values, int rarity) {
    for (float& value : values) value = Value(rarity);
  }
  template <typename T>
  void Fill(std::vector<T>& words) {
    for (T& word : words) word = static_cast<T>(dice_.Word());
  }
  int Rarity(int terms) { return dice_.OneOf(std::vector<int>{0, 1 + 4 * terms, 1 + 40 * terms}); }

  // Offsets that differ and lie in any order, so that a kernel cannot rely on neighbours.
  std::vector<std::int32_t> Offsets(int count, int range, int step) {
    auto all = Sized<std::int32_t>(count);
    for (std::int32_t& offset : all) offset = step * dice_.Within(0, range - 1);
    return all;
  }

  const Kernels& kernels_;
  Random dice_;
  const std::vector<float> edges_ = EdgeValues();
  const std::vector<int> channels_ = ChannelCounts();
  const char* name_ = "";
  int cases_ = 0;
  bool is_good_ = true;
};

}  // namespace edgehybrid

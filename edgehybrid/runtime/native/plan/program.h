// What follows a producer, as data: operations with their vectors over channels and their maps.
#pragma once

#include <vector>

#include "base/buffer.h"
#include "kernels/kernels.h"
#include "plan/access.h"
#include "plan/map.h"

namespace edgehybrid {

// Operations of the longest program; a longer chain is cut by its compiler.
constexpr int kMaxOps = 32;

class Program {
 public:
  Program() = default;

  // Operations that may still be added; Run() keeps their places on the stack.
  int room() const { return kMaxOps - static_cast<int>(ops_.size()); }

  // A vector over the channels, padded with `rest` to whole groups. The scalar form repeats one value.
  void Scale(const std::vector<float>& factors);
  // The same power of two for all: no product is rounded, so that a factor behind it may take it in.
  void ScaleByPower(float power, int channels);
  void Bias(const std::vector<float>& terms);
  void Relu();
  void Clamp(float low, float high);
  void Prelu(const std::vector<float>& slopes);
  // kind: kAddMap, kSubMap or kMulMap.
  void WithMap(Micro kind, const Map& map);
  // A bias behind which a map of the first channels alone would be added: their terms are 0.
  void BiasPart(const std::vector<float>& terms, const Map& map, int channels);
  void Store(const Map& map);
  // To channels of a map that has others behind them.
  void StorePart(const Map& map, int channels);
  // To a dense map of int8, or of bool.
  void StoreInt8(const Map& map);
  // Bit = (value, negated where flips[channel]) < thresholds[channel]; lanes behind the last channel are 0.
  // kPackXor changes the bit that stands there where this holds.
  void Pack(const Map& map, const std::vector<float>& thresholds, const std::vector<bool>& flips,
            Micro kind = Micro::kPack);

  // For sums that only a quantiser reads, as packed output of LCE and as a whole program that is monotone.
  void Threshold(const Map& map, const std::vector<std::int32_t>& thresholds, const std::vector<bool>& flips);

  // Turns `…, Pack` without a map into one comparison of the sums 0 … largest, where every operation is monotone.
  void FoldIntoThreshold(int channels, std::int32_t largest);

  // The map to which this program only copies some channels, or null.
  const Map* CopiesTo() const {
    return ops_.size() == 1 && ops_[0].kind == Micro::kStorePart ? maps_.data() : nullptr;
  }

  // The map that gets the strip as it came, or null: nothing before that store changes the value.
  const Map* StoresStrip() const;
  // Leaves that store to the producer.
  void DropStripStore();
  bool is_empty() const { return ops_.empty() && !is_threshold_; }

  void Finish(const Kernels& kernels, bool from_ints);

  // Rows y … y + rows - 1, each of `pixels`.
  void Run(Slots slots, const void* strip, std::ptrdiff_t stride, int y, int rows, int pixels, int first_group,
           int groups) const;

  // The same behind a binary convolution of so many words, by the kernel that does both at once; null where there is none.
  NarrowKernel Narrow(int words) const;
  void Run(Slots slots, NarrowKernel kernel, NarrowStrip strip, int y, int rows, int pixels, int groups) const;

  // Of its maps, for rows first_row … last_row - 1.
  void ListAccesses(int first_row, int last_row, Accesses& accesses) const;

 private:
  MicroOp& Append(Micro kind, const Map& map = {});
  template <typename T>
  const T* Keep(const std::vector<T>& values, T rest);

  // With the maps of row y.
  ProgramStrip Strip(MapRows* maps, Slots slots, int y, int rows, int pixels, int first_group, int groups) const;
  bool TakesInPower(const std::vector<float>& factors);

  std::vector<MicroOp> ops_;
  std::vector<Map> maps_;
  std::vector<Buffer> kept_;
  // The number of operations when a power of two was the last of them.
  std::size_t behind_power_ = 0;
  ProgramKernel kernel_ = nullptr;
  const Kernels* kernels_ = nullptr;
  bool is_threshold_ = false;
  Map threshold_map_;
  const std::int32_t* thresholds_ = nullptr;
  const std::uint16_t* flips_ = nullptr;
};

}  // namespace edgehybrid

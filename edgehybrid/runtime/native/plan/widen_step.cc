#include "plan/widen_step.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace edgehybrid {

namespace {

// Four lanes for each value of four bits.
struct Signs {
  float of[16][4] = {};
  constexpr Signs() {
    for (int bits = 0; bits < 16; ++bits) {
      for (int i = 0; i < 4; ++i) of[bits][i] = (bits >> i & 1) == 0 ? 1.0f : -1.0f;
    }
  }
};
constexpr Signs kSigns;

void WidenBits(std::uint16_t bits, float* lanes) {
  for (int i = 0; i < kLanes; i += 4) std::memcpy(lanes + i, kSigns.of[bits >> i & 15], sizeof kSigns.of[0]);
}

class WidenStep final : public Step {
 public:
  WidenStep(Type type, const Map& input, int channels, Program program)
      : type_(type), input_(input), channels_(channels), program_(std::move(program)),
        groups_(static_cast<int>(RoundUp(static_cast<std::size_t>(channels), kLanes)) / kLanes) {}

  int units() const override { return input_.h; }

  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(input_.w) * static_cast<std::size_t>(groups_ * kLanes) * sizeof(float);
  }

  void ListAccesses(int first, int last, Accesses& accesses) const override {
    AddRead(accesses, input_, first, last);
    program_.ListAccesses(first, last, accesses);
  }

  void Run(Slots slots, std::uint8_t* scratch, int first, int last) const override {
    auto* strip = reinterpret_cast<float*>(scratch);
    const std::ptrdiff_t stride = std::ptrdiff_t{groups_} * kLanes;
    for (int y = first; y < last; ++y) {
      for (int x = 0; x < input_.w; ++x) Widen(input_.At(slots, y, x), strip + x * stride);
      program_.Run(slots, strip, stride, y, 1, input_.w, 0, groups_);
    }
  }

 private:
  // One pixel; lanes behind the last channel are 0.
  void Widen(const std::uint8_t* pixel, float* lanes) const {
    if (type_ == Type::kPacked) {
      for (int g = 0; g < groups_; ++g) {
        std::uint16_t bits;
        std::memcpy(&bits, pixel + 2 * g, sizeof bits);
        WidenBits(bits, lanes + g * kLanes);
      }
    } else if (type_ == Type::kInt8) {
      const auto* bytes = reinterpret_cast<const std::int8_t*>(pixel);
      for (int c = 0; c < input_.c; ++c) lanes[c] = bytes[c];
      for (int c = input_.c; c < channels_; ++c) lanes[c] = lanes[c - input_.c];
    } else {
      for (int c = 0; c < channels_; ++c) lanes[c] = pixel[c] == 0 ? 0.0f : 1.0f;
    }
    std::fill(lanes + channels_, lanes + groups_ * kLanes, 0.0f);
  }

  Type type_;
  Map input_;
  int channels_;
  Program program_;
  int groups_;
};

}  // namespace

std::unique_ptr<Step> MakeWidenStep(Type type, const Map& input, int channels, Program program) {
  return std::make_unique<WidenStep>(type, input, channels, std::move(program));
}

}  // namespace edgehybrid

#include "plan/window_step.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/buffer.h"

namespace edgehybrid {

namespace {

class WindowStep final : public Step {
 public:
  WindowStep(const Kernels& kernels, WindowKind kind, const Window& window, int channels, const float* filter,
             const float* bias, const Map& input, Program program)
      : kernel_(kind == WindowKind::kDepthwise ? kernels.depthwise
                : kind == WindowKind::kMaxPool ? kernels.max_pool
                                               : kernels.average_pool),
        is_sum_(kind == WindowKind::kSum), window_(window), input_(input), program_(std::move(program)) {
    const std::size_t padded = RoundUp(static_cast<std::size_t>(channels), kLanes);
    groups_ = static_cast<int>(padded) / kLanes;
    if (kind != WindowKind::kDepthwise) return;
    const std::size_t taps = static_cast<std::size_t>(window.kernel_h * window.kernel_w);
    weights_ = Buffer(taps * padded * sizeof(float));
    bias_ = Buffer(padded * sizeof(float));
    for (std::size_t t = 0; t < taps; ++t) {
      std::copy_n(filter + t * static_cast<std::size_t>(channels), channels, weights_.as<float>() + t * padded);
    }
    if (bias != nullptr) std::copy_n(bias, channels, bias_.as<float>());
  }

  int units() const override { return window_.out_h; }
  std::size_t scratch_bytes() const override {
    const std::size_t taps = static_cast<std::size_t>(window_.kernel_h * window_.kernel_w);
    return RowBytes() + 2 * taps * sizeof(std::int32_t) + kSlack;
  }

  void ListAccesses(int first, int last, Accesses& accesses) const override {
    AddRead(accesses, input_, window_.FirstRow(first), window_.RowBehind(last - 1));
    program_.ListAccesses(first, last, accesses);
  }

  void Run(Slots slots, std::uint8_t* scratch, int first, int last) const override {
    const std::ptrdiff_t lanes = std::ptrdiff_t{groups_} * kLanes;
    auto* sums = reinterpret_cast<float*>(scratch);
    auto* offsets = reinterpret_cast<std::int32_t*>(scratch + RowBytes());
    std::int32_t* numbers = offsets + window_.kernel_h * window_.kernel_w;
    for (int y = first; y < last; ++y) {
      for (int x = 0; x < window_.out_w; ++x) {
        const int taps = FindTaps(y, x, offsets, numbers);
        kernel_(WindowStrip{reinterpret_cast<const float*>(input_.At(slots, 0, 0)), offsets, numbers, taps,
                            weights_.as<float>(), bias_.as<float>(), is_sum_ ? 1.0f : static_cast<float>(taps), groups_,
                            sums + x * lanes});
      }
      program_.Run(slots, sums, lanes, y, 1, window_.out_w, 0, groups_);
    }
  }

 private:
  std::size_t RowBytes() const {
    return RoundUp(static_cast<std::size_t>(window_.out_w * groups_) * kLanes * sizeof(float), kCacheLine);
  }

  // The places of the window that lie inside of the map.
  int FindTaps(int y, int x, std::int32_t* offsets, std::int32_t* numbers) const {
    int taps = 0;
    window_.ForPlacesInside(y, x, [&](int place, int row, int column) {
      offsets[taps] = static_cast<std::int32_t>((row * input_.row_bytes + column * input_.pixel_bytes) /
                                                static_cast<std::ptrdiff_t>(sizeof(float)));
      numbers[taps++] = place;
    });
    return taps;
  }

  void (*kernel_)(const WindowStrip&);
  bool is_sum_;
  Window window_;
  Map input_;
  Program program_;
  int groups_ = 0;
  Buffer weights_, bias_;
};

}  // namespace

std::unique_ptr<Step> MakeWindowStep(const Kernels& kernels, WindowKind kind, const Window& window, int channels,
                                     const float* filter, const float* bias, const Map& input, Program program) {
  return std::make_unique<WindowStep>(kernels, kind, window, channels, filter, bias, input, std::move(program));
}

}  // namespace edgehybrid

// One function an operator, for reference.cc. A view is a value and where it lies.
#pragma once

#include <cstdint>
#include <limits>

#include "graph/graph.h"
#include "graph/padding.h"

namespace edgehybrid {

struct View {
  const Value* value = nullptr;
  void* data = nullptr;

  bool exists() const { return value != nullptr; }
  const Shape& shape() const { return value->shape; }
  // Elements between two pixels: channels, or words of 32.
  std::int64_t stride() const { return value->type == Type::kPacked ? (value->shape.c + 31) / 32 : value->shape.c; }

  template <typename T>
  T* Pixel(int n, std::int64_t y, std::int64_t x) const {
    return static_cast<T*>(data) + ((std::int64_t{n} * shape().h + y) * shape().w + x) * stride();
  }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// Where the taps of a window lie for one output pixel.
struct Taps {
  Taps(const Node& node, const Shape& in, const Shape& out, int kernel_h, int kernel_w)
      : node_(node), in_(in),
        top_(PadBefore(in.h, out.h, kernel_h, node.stride_h, node.dilation_h, node.padding)),
        left_(PadBefore(in.w, out.w, kernel_w, node.stride_w, node.dilation_w, node.padding)) {}

  std::int64_t Row(int y, int ky) const {
    return std::int64_t{y} * node_.stride_h - top_ + std::int64_t{ky} * node_.dilation_h;
  }
  std::int64_t Column(int x, int kx) const {
    return std::int64_t{x} * node_.stride_w - left_ + std::int64_t{kx} * node_.dilation_w;
  }
  bool IsInside(std::int64_t row, std::int64_t column) const {
    return row >= 0 && row < in_.h && column >= 0 && column < in_.w;
  }

 private:
  const Node& node_;
  const Shape& in_;
  int top_, left_;
};

template <typename T>
T Clamp(T x, T low, T high) {
  return x < low ? low : x > high ? high : x;
}

template <typename T>
struct Range {
  T low, high;
};

template <typename T>
Range<T> RangeOf(Activation activation) {
  using Limits = std::numeric_limits<T>;
  const T lowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  const T highest = Limits::has_infinity ? Limits::infinity() : Limits::max();
  switch (activation) {
    case Activation::kRelu:
      return {T(0), highest};
    case Activation::kReluN1To1:
      return {T(-1), T(1)};
    case Activation::kRelu6:
      return {T(0), T(6)};
    case Activation::kNone:
      break;
  }
  return {lowest, highest};
}

inline float Activate(float x, Activation activation) {
  const Range<float> range = RangeOf<float>(activation);
  return Clamp(x, range.low, range.high);
}

namespace reference {

void Quantize(const View& in, const View& out);
void Dequantize(const View& in, const View& out);
void Bconv2d(const Node& node, const View& in, const View& filter, const View& multiplier, const View& bias,
             const View& thresholds, const View& out);
void BMaxPool2d(const Node& node, const View& in, const View& out);

void Conv2d(const Node& node, const View& in, const View& filter, const View& bias, const View& out);
void Depthwise(const Node& node, const View& in, const View& filter, const View& bias, const View& out);
void FullyConnected(const Node& node, const View& in, const View& weights, const View& bias, const View& out);
void Elementwise(const Node& node, const View& a, const View& b, const View& out);
void Relu(const Node& node, const View& in, const View& out);
void Prelu(const View& in, const View& slopes, const View& out);
void Pool(const Node& node, const View& in, const View& out);
void SumOfPixels(const View& in, const View& out, float factor);

}  // namespace reference

}  // namespace edgehybrid

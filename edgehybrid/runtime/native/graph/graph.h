// A region of a flatbuffer's graph as the delegate hands it to the compiler of plans: values and nodes, checked.
//
// What stands here is sound: every index is inside its list, every constant has as many elements as its shape says,
// every option is one that the kernels know. The delegate refuses all else, node by node.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace edgehybrid {

enum class Type : std::uint8_t { kFloat32, kInt8, kInt32, kBool, kPacked };

// A map of images, NHWC. A vector or matrix has h = w = 1. `c` counts real channels: a packed map of c channels has
// ceil(c / 32) words a pixel, channel i being bit i % 32 of word i / 32, set where the value is negative.
struct Shape {
  int n = 1, h = 1, w = 1, c = 1;
  std::int64_t pixels() const { return std::int64_t{h} * w; }
  std::int64_t size() const { return pixels() * c * n; }
  bool operator==(const Shape& o) const { return n == o.n && h == o.h && w == o.w && c == o.c; }
};

struct Value {
  Type type = Type::kFloat32;
  Shape shape;
  // The constant, dense, in the layout of the flatbuffer; null for what is computed. It outlives the plan.
  const void* constant = nullptr;
  // real = scale * (stored - zero_point); int8 only.
  float scale = 0;
  std::int32_t zero_point = 0;
};

enum class Op : std::uint8_t {
  kQuantize,       // LceQuantize: float32, int8 or bool -> packed
  kDequantize,     // LceDequantize: packed -> float32, int8 or bool; or int8 -> float32, its channels once or more
  kBconv2d,        // LceBconv2d: inputs packed, filter, multiplier, bias, thresholds (-1 = absent)
  kBMaxPool2d,     // LceBMaxPool2d
  kConv2d,         // CONV_2D: input, filter OHWI, bias (or -1)
  kDepthwise,      // DEPTHWISE_CONV_2D: input, filter 1HWC, bias (or -1)
  kFullyConnected, // FULLY_CONNECTED: input, weights (out, in), bias (or -1)
  kAdd, kSub, kMul,  // a map, and a map of the same shape, or a constant vector over the channels, or one number
  kRelu,           // with `activation` naming which
  kPrelu,          // input, slopes: a constant vector over the channels
  kMaxPool, kAveragePool,
  kMean,           // over height and width
  kSum,            // the same without the division
  kConcat,         // over channels
  kReshape,        // element order stays
};

enum class Activation : std::uint8_t { kNone = 0, kRelu = 1, kReluN1To1 = 2, kRelu6 = 3 };

enum class Padding : std::uint8_t { kSame = 0, kValid = 1 };

struct Node {
  Op op;
  std::vector<int> inputs;   // indices of values; -1 = absent
  std::vector<int> outputs;  // one
  Activation activation = Activation::kNone;
  Padding padding = Padding::kValid;
  int stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int kernel_h = 1, kernel_w = 1;  // of pools; convolutions have it in their filter's shape
  // LceBconv2d: its input channels (the shape of a packed value cannot tell), and whether the border counts as +1
  // (same-one) or as 0 (same-zero).
  int channels_in = 0;
  bool pads_with_one = false;
};

struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;    // in an order in which they can run
  std::vector<int> inputs;    // values that come from outside at each run
  std::vector<int> outputs;   // values that others read
};

}  // namespace edgehybrid

// Random numbers and the parts of random graphs, for plan_test.cc.
#pragma once

#include <cstring>
#include <deque>
#include <iterator>
#include <random>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "graph/padding.h"

namespace edgehybrid {

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int Int(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine_); }
  bool Chance(double p) { return std::bernoulli_distribution(p)(engine_); }
  float Normal() { return std::normal_distribution<float>()(engine_); }
  std::uint32_t Word() { return static_cast<std::uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};

// Channels around the widths of words and lanes.
constexpr int kChannels[] = {1,  3,  15, 16, 17, 24,  31,  32,  33,  48, 63,
                             64, 65, 95, 96, 97, 100, 127, 128, 129, 130};

// A graph that grows node by node, with the constants that it points into.
class RandomGraph {
 public:
  explicit RandomGraph(unsigned seed) : random_(seed) {}

 protected:
  int AnyChannels() { return kChannels[random_.Int(0, static_cast<int>(std::size(kChannels)) - 1)]; }

  Shape& ShapeOf(int value) { return graph_.values[static_cast<std::size_t>(value)].shape; }

  int Add(Type type, const Shape& shape) {
    Value value;
    value.type = type;
    value.shape = shape;
    graph_.values.push_back(value);
    return static_cast<int>(graph_.values.size()) - 1;
  }

  template <typename Make>
  int Constant(Type type, const Shape& shape, std::size_t words, Make make) {
    constants_.emplace_back(words);
    for (std::uint32_t& word : constants_.back()) {
      const auto value = make();
      static_assert(sizeof value == sizeof word, "constants are words");
      std::memcpy(&word, &value, sizeof word);
    }
    const int value = Add(type, shape);
    graph_.values.back().constant = constants_.back().data();
    return value;
  }
  int Vector(int channels, float spread, float middle) {
    return Constant(Type::kFloat32, Shape{1, 1, 1, channels}, static_cast<std::size_t>(channels), [&] {
      return random_.Chance(0.03) ? 0.0f : middle + spread * random_.Normal();
    });
  }

  // Filters of an LceBconv2d; bits behind the last channel are 0.
  int Filters(const Shape& shape) {
    const int words = (shape.c + 31) / 32;
    std::size_t at = 0;
    return Constant(Type::kPacked, shape, static_cast<std::size_t>(shape.n * shape.pixels() * words), [&] {
      const int rest = shape.c - 32 * static_cast<int>(at++ % static_cast<std::size_t>(words));
      return random_.Word() & (rest >= 32 ? 0xffffffffu : (1u << rest) - 1);
    });
  }

  Node& Push(Op op, std::vector<int> inputs, int output) {
    Node node;
    node.op = op;
    node.inputs = std::move(inputs);
    node.outputs = {output};
    graph_.nodes.push_back(node);
    return graph_.nodes.back();
  }
  Activation AnyActivation() { return random_.Chance(0.5) ? Activation::kNone : static_cast<Activation>(random_.Int(1, 3)); }

  // A window that fits, or false.
  bool FindWindow(Node& node, const Shape& in, int kernel_h, int kernel_w, Shape& out, bool may_dilate) {
    node.padding = random_.Chance(0.7) ? Padding::kSame : Padding::kValid;
    node.stride_h = random_.Int(1, 3);
    node.stride_w = random_.Chance(0.8) ? node.stride_h : random_.Int(1, 3);
    if (may_dilate && random_.Chance(0.2)) node.dilation_h = node.dilation_w = 2;
    out = in;
    out.h = static_cast<int>(OutputSize(in.h, kernel_h, node.stride_h, node.dilation_h, node.padding));
    out.w = static_cast<int>(OutputSize(in.w, kernel_w, node.stride_w, node.dilation_w, node.padding));
    return out.h > 0 && out.w > 0;
  }

  Random random_;
  Graph graph_;
  std::deque<std::vector<std::uint32_t>> constants_;
};

}  // namespace edgehybrid

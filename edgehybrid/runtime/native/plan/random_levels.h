// Random convolutions of levels as delegate/levels_nodes.cc writes them, for plan_test.cc.
#pragma once

#include <vector>

#include "plan/random_sums.h"

namespace edgehybrid {

class RandomLevels : public RandomSums {
 public:
  using RandomSums::RandomSums;

 protected:
  // Levels of a map, and their convolution, to which one of `maps` is added where one has its shape. Its output.
  int AddLevels(int in, const std::vector<int>& maps) {
    const Shape shape = ShapeOf(in);
    std::vector<int> signs = MakeSigns(in);
    Node node;
    node.op = Op::kBconv2d;
    node.padding = Padding::kSame;
    node.stride_h = node.stride_w = random_.Int(1, 2);
    node.channels_in = shape.c;
    node.pads_with_one = true;
    const int side = random_.Int(1, 3);
    const Shape kernel{AnyChannels(), side, side, shape.c};
    const auto outputs = static_cast<std::size_t>(kernel.n);
    const int most = side * side * shape.c, filter = Filters(kernel), multiplier = Whole(outputs, [] { return -0.5f; });
    const int bias = Whole(outputs, [&] { return 0.5f * static_cast<float>(random_.Int(-most, most)); });
    const Shape out{shape.n, static_cast<int>(OutputSize(shape.h, side, node.stride_h, 1, Padding::kSame)),
                    static_cast<int>(OutputSize(shape.w, side, node.stride_w, 1, Padding::kSame)), kernel.n};
    int sum = -1;
    for (const int sign : signs) {
      const int part = Add(Type::kFloat32, out);
      node.inputs = {sign, filter, multiplier, bias, -1};
      node.outputs = {part};
      graph_.nodes.push_back(node);
      sum = sum < 0 ? part : Sum(sum, part);
    }
    ++expected_sums_;
    for (const int map : maps) {
      if (ShapeOf(map) == out && random_.Chance(0.7)) return Sum(sum, map);
    }
    return sum;
  }

 private:
  std::vector<int> MakeSigns(int in) {
    const Shape shape = ShapeOf(in);
    const auto channels = static_cast<std::size_t>(shape.c);
    const int turned = Add(Type::kFloat32, shape);
    Push(Op::kMul, {in, Whole(channels, [&] { return random_.Chance(0.5) ? 1.0f : -1.0f; })}, turned);
    std::vector<int> signs;
    for (int i = 0; i < 3; ++i) {
      const int shifted = Add(Type::kFloat32, shape);
      // Always passed, or never, some of them.
      const int term = Whole(channels, [&] {
        return static_cast<float>(random_.Chance(0.05) ? (random_.Chance(0.5) ? -(1 << 24) : 1 << 24)
                                                       : random_.Int(-3, 3));
      });
      Push(Op::kAdd, {turned, term}, shifted);
      signs.push_back(Add(Type::kPacked, shape));
      Push(Op::kQuantize, {shifted}, signs.back());
    }
    return signs;
  }

  int Sum(int a, int b) {
    const int sum = Add(Type::kFloat32, ShapeOf(a));
    Push(Op::kAdd, {a, b}, sum);
    return sum;
  }

  template <typename Make>
  int Whole(std::size_t channels, Make make) {
    return Constant(Type::kFloat32, Shape{1, 1, 1, static_cast<int>(channels)}, channels, make);
  }
};

}  // namespace edgehybrid

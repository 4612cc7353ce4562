// Random graphs of all operators, for plan_test.cc: layers of signs and of floats that read, join and split one another's
// maps.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "plan/random_levels.h"

namespace edgehybrid {

class RandomLayers : public RandomLevels {
 public:
  using RandomLevels::RandomLevels;

  Graph Build() {
    batch_ = random_.Int(1, 3);
    Shape image{batch_, random_.Int(1, 12), random_.Int(1, 12), AnyChannels()};
    maps_ = {Add(Type::kFloat32, image)};
    graph_.inputs = maps_;
    const int length = random_.Int(1, 14);
    for (int i = 0; i < length; ++i) AddNode();
    std::set<int> outputs{maps_.back()};
    outputs.insert(own_outputs_.begin(), own_outputs_.end());
    while (random_.Chance(0.3)) outputs.insert(maps_[static_cast<std::size_t>(random_.Int(0, Last()))]);
    if (!packed_.empty() && random_.Chance(0.3)) outputs.insert(packed_.back());
    if (!bytes_.empty() && random_.Chance(0.7)) outputs.insert(bytes_.back());
    for (const int value : outputs) {
      if (value != graph_.inputs[0]) graph_.outputs.push_back(value);
    }
    return graph_;
  }

 private:
  int Last() const { return static_cast<int>(maps_.size()) - 1; }

  void AddNode() {
    const int in = random_.Chance(0.7) ? maps_.back() : maps_[static_cast<std::size_t>(random_.Int(0, Last()))];
    switch (random_.Int(0, 11)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return AddBinary(in);
      case 4:
        return AddConv(in);
      case 5:
        return AddPool(in);
      case 6:
        return random_.Chance(0.5) ? AddConcat() : AddSplit(in);
      case 7: {
        const std::vector<int> sums = AddBitSums(in);
        maps_.insert(maps_.end(), sums.begin(), sums.end());
        return;
      }
      case 8:
        maps_.push_back(AddLevels(in, maps_));
        return;
      default:
        return AddAffine(in);
    }
  }

  void AddAffine(int in) {
    const Shape shape = ShapeOf(in);
    const int kind = random_.Int(0, 5);
    if (kind == 0) return Done(Push(Op::kRelu, {in}, Add(Type::kFloat32, shape)), static_cast<Activation>(random_.Int(1, 3)));
    if (kind == 1) {
      const int slopes = Vector(shape.c, 0.3f, 0.2f);
      return Done(Push(Op::kPrelu, {in, slopes}, Add(Type::kFloat32, shape)), Activation::kNone);
    }
    const Op op = random_.Chance(0.5) ? Op::kAdd : random_.Chance(0.7) ? Op::kMul : Op::kSub;
    int other = -1;
    if (random_.Chance(0.4)) {
      for (const int map : maps_) {
        if (map != in && ShapeOf(map) == shape) other = map;
      }
    }
    if (other < 0) other = Vector(random_.Chance(0.1) ? 1 : shape.c, 0.5f, op == Op::kMul ? 1.0f : 0.0f);
    Done(Push(op, {in, other}, Add(Type::kFloat32, shape)),
         AnyActivation());
  }

  void Done(Node& node, Activation activation) {
    node.activation = activation;
    maps_.push_back(node.outputs[0]);
  }

  void AddBinary(int in) {
    int packed = -1;
    Shape shape = ShapeOf(in);
    if (!packed_.empty() && random_.Chance(0.4)) {
      packed = packed_.back();
      shape = ShapeOf(packed);
    } else if (!bytes_.empty() && random_.Chance(0.3)) {
      shape = ShapeOf(bytes_.back());
      packed = Add(Type::kPacked, shape);
      Push(Op::kQuantize, {bytes_.back()}, packed);
      packed_.push_back(packed);
    } else {
      packed = Add(Type::kPacked, shape);
      Push(Op::kQuantize, {in}, packed);
      packed_.push_back(packed);
    }
    if (random_.Chance(0.15)) {
      Node node;
      Shape out;
      node.kernel_h = random_.Int(1, 3), node.kernel_w = random_.Int(1, 3);
      if (!FindWindow(node, shape, node.kernel_h, node.kernel_w, out, false)) return;
      node.op = Op::kBMaxPool2d;
      node.inputs = {packed};
      packed = Add(Type::kPacked, out);
      node.outputs = {packed};
      graph_.nodes.push_back(node);
      packed_.push_back(packed);
      shape = out;
    }
    if (random_.Chance(0.15)) return AddDequantize(packed);
    if (!bytes_.empty() && random_.Chance(0.15)) return AddStored(bytes_.back());
    const int groups = shape.c % 64 == 0 && random_.Chance(0.5) ? 2 : 1;
    const int kernel_h = random_.Int(1, 5), kernel_w = random_.Chance(0.8) ? kernel_h : random_.Int(1, 3);
    Node node;
    Shape out;
    if (!FindWindow(node, shape, kernel_h, kernel_w, out, true)) return;
    out.c = AnyChannels();
    if (out.c % groups != 0) out.c += 1;
    const int in_a_group = shape.c / groups;
    const Shape filter_shape{out.c, kernel_h, kernel_w, in_a_group};
    const int filter = Filters(filter_shape);
    node.op = Op::kBconv2d;
    node.channels_in = shape.c;
    node.pads_with_one = random_.Chance(0.7);
    node.inputs = {packed, filter, -1, -1, -1};
    if (random_.Chance(0.3)) {
      const int terms = kernel_h * kernel_w * in_a_group;
      node.inputs[4] = Constant(Type::kInt32, Shape{1, 1, 1, out.c}, static_cast<std::size_t>(out.c), [&] {
        return random_.Chance(0.05) ? (random_.Chance(0.5) ? INT32_MIN : INT32_MAX) : random_.Int(0, terms);
      });
      node.outputs = {Add(Type::kPacked, out)};
      packed_.push_back(node.outputs[0]);
    } else {
      node.inputs[2] = Vector(out.c, 0.3f, 0.0f);
      node.inputs[3] = Vector(out.c, 1.0f, 0.0f);
      node.activation = AnyActivation();
      if (random_.Chance(0.2)) {
        node.outputs = {AddInt8(out)};
        bytes_.push_back(node.outputs[0]);
      } else {
        node.outputs = {Add(Type::kFloat32, out)};
        maps_.push_back(node.outputs[0]);
      }
    }
    graph_.nodes.push_back(node);
  }

  // Scales around those where every step saturates, where each sum has a step of its own, and where few have.
  int AddInt8(const Shape& shape) {
    const int value = Add(Type::kInt8, shape);
    constexpr float kScales[] = {0.002f, 0.0625f, 0.75f, 4.0f};
    graph_.values.back().scale = kScales[random_.Int(0, 3)];
    graph_.values.back().zero_point = random_.Chance(0.2) ? -128 : random_.Int(-128, 127);
    return value;
  }

  void AddDequantize(int packed) {
    const Shape shape = ShapeOf(packed);
    const int kind = random_.Int(0, 2);
    const int out = kind == 0 ? AddInt8(shape) : Add(kind == 1 ? Type::kBool : Type::kFloat32, shape);
    Push(Op::kDequantize, {packed}, out);
    (kind == 2 ? maps_ : bytes_).push_back(out);
  }

  // The stored numbers of an int8 map, their channels once or more.
  void AddStored(int bytes) {
    if (graph_.values[static_cast<std::size_t>(bytes)].type != Type::kInt8) return;
    Shape shape = ShapeOf(bytes);
    if (random_.Chance(0.5)) shape.c *= random_.Int(1, 5);
    maps_.push_back(Add(Type::kFloat32, shape));
    Push(Op::kDequantize, {bytes}, maps_.back());
  }

  void AddConv(int in) {
    const Shape shape = ShapeOf(in);
    Node node;
    Shape out;
    if (random_.Chance(0.2)) {
      out = Shape{shape.n, 1, 1, AnyChannels()};
      node.op = Op::kFullyConnected;
      const int size = static_cast<int>(shape.pixels()) * shape.c;
      node.inputs = {in, Constant(Type::kFloat32, Shape{out.c, 1, 1, size}, static_cast<std::size_t>(out.c * size),
                                  [&] { return random_.Normal(); })};
      // A dense layer reads a map of one pixel; others are flattened before it.
      if (shape.pixels() != 1) {
        const int flat = Add(Type::kFloat32, Shape{shape.n, 1, 1, size});
        Push(Op::kReshape, {in}, flat);
        node.inputs[0] = flat;
      }
    } else {
      const int kernel_h = random_.Int(1, 4), kernel_w = random_.Int(1, 4);
      if (!FindWindow(node, shape, kernel_h, kernel_w, out, true)) return;
      const bool is_depthwise = random_.Chance(0.3);
      if (!is_depthwise) out.c = random_.Chance(0.3) ? random_.Int(1, 6) : AnyChannels();
      node.op = is_depthwise ? Op::kDepthwise : Op::kConv2d;
      const Shape filter{is_depthwise ? 1 : out.c, kernel_h, kernel_w, shape.c};
      node.inputs = {in, Constant(Type::kFloat32, filter, static_cast<std::size_t>(filter.size()),
                                  [&] { return random_.Normal(); })};
    }
    node.inputs.push_back(random_.Chance(0.7) ? Vector(out.c, 1.0f, 0.0f) : -1);
    node.outputs = {Add(Type::kFloat32, out)};
    graph_.nodes.push_back(node);
    Done(graph_.nodes.back(), AnyActivation());
  }

  void AddPool(int in) {
    const Shape shape = ShapeOf(in);
    Node node;
    Shape out = shape;
    const int kind = random_.Int(0, 2);
    node.op = kind == 0 ? (random_.Chance(0.5) ? Op::kMean : Op::kSum) : kind == 1 ? Op::kMaxPool : Op::kAveragePool;
    if (kind == 0) {
      if (!random_.Chance(0.3)) return;
      out.h = out.w = 1;
    } else {
      node.kernel_h = random_.Int(1, 3), node.kernel_w = random_.Int(1, 3);
      if (!FindWindow(node, shape, node.kernel_h, node.kernel_w, out, false)) return;
    }
    node.inputs = {in};
    node.outputs = {Add(Type::kFloat32, out)};
    graph_.nodes.push_back(node);
    Done(graph_.nodes.back(), kind == 0 ? Activation::kNone : AnyActivation());
  }

  // A split layer: a float and a binary convolution of one map, joined; now and then somebody else reads a part, too.
  void AddSplit(int in) {
    const Shape shape = ShapeOf(in);
    const int side = random_.Chance(0.5) ? 1 : 3;
    Node conv;
    Shape out;
    if (!FindWindow(conv, shape, side, side, out, true)) return;
    Node binary = conv;
    out.c = random_.Int(1, 20);
    conv.op = Op::kConv2d;
    const Shape filter{out.c, side, side, shape.c};
    conv.inputs = {in, Constant(Type::kFloat32, filter, static_cast<std::size_t>(filter.size()),
                                [&] { return random_.Normal(); }), -1};
    conv.outputs = {Add(Type::kFloat32, out)};
    graph_.nodes.push_back(conv);
    const int packed = Add(Type::kPacked, shape);
    Push(Op::kQuantize, {in}, packed);
    const int before = out.c;
    out.c = AnyChannels();
    binary.op = Op::kBconv2d;
    binary.channels_in = shape.c;
    binary.pads_with_one = random_.Chance(0.7);
    const int weights = Filters(Shape{out.c, side, side, shape.c});
    binary.inputs = {packed, weights, Vector(out.c, 0.3f, 0.0f), Vector(out.c, 1.0f, 0.0f), -1};
    binary.outputs = {Add(Type::kFloat32, out)};
    graph_.nodes.push_back(binary);
    if (random_.Chance(0.2)) maps_.push_back(conv.outputs[0]);
    if (random_.Chance(0.2)) maps_.push_back(binary.outputs[0]);
    out.c += before;
    Done(Push(Op::kConcat, {conv.outputs[0], binary.outputs[0]}, Add(Type::kFloat32, out)), Activation::kNone);
  }

  void AddConcat() {
    std::vector<int> parts{maps_.back()};
    Shape shape = ShapeOf(maps_.back());
    int channels = shape.c;
    for (const int map : maps_) {
      const Shape& s = ShapeOf(map);
      if (map == parts[0] || s.h != shape.h || s.w != shape.w || parts.size() > 2) continue;
      parts.push_back(map);
      channels += s.c;
    }
    if (parts.size() < 2) return;
    shape.c = channels;
    Done(Push(Op::kConcat, parts, Add(Type::kFloat32, shape)), Activation::kNone);
  }

  std::vector<int> maps_, packed_, bytes_;
  int batch_ = 1;
};

}  // namespace edgehybrid

// Random layers of several bits, as sums of binary convolutions, for plan_test.cc: such as plans fuse, and such as lack
// one condition.
#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include "plan/random_graph.h"

namespace edgehybrid {

class RandomSums : public RandomGraph {
 public:
  using RandomGraph::RandomGraph;

  // Sums that a plan has to fuse; -1 where parts of one that lacks something may be sums as well.
  int expected_sums() const { return is_unsure_ ? -1 : expected_sums_; }

 protected:
  // One or two layers that read the same signs of a map; their outputs.
  std::vector<int> AddBitSums(int in) {
    const Shape shape = ShapeOf(in);
    const int bits = random_.Chance(0.3) ? 1 : random_.Chance(0.7) ? 2 : 3;
    const bool is_odd = random_.Chance(0.08);
    int count = (1 << bits) - 1;
    if (is_odd) count += bits == 1 || random_.Chance(0.5) ? 1 : -1;
    const Flaw of_signs = random_.Chance(0.15) && count > 1 ? random_.Chance(0.5) ? Flaw::kTurnedSign : Flaw::kOtherSource
                                                      : Flaw::kNone;
    Signs signs = MakeSigns(in, count, of_signs);
    const int layers = random_.Chance(0.3) ? 2 : 1;
    std::vector<int> sums;
    int whole = 0;
    bool has_parts = false;
    for (int i = 0; i < layers; ++i) {
      Flaw flaw = Flaw::kNone;
      if (random_.Chance(0.35)) flaw = static_cast<Flaw>(random_.Int(1, static_cast<int>(Flaw::kLast)));
      if (flaw == Flaw::kGroups && shape.c % 64 != 0) flaw = Flaw::kNone;
      if (flaw == Flaw::kReadSign && count == 1) flaw = Flaw::kNone;
      if (flaw == Flaw::kMissing && (is_odd || count == 1)) flaw = Flaw::kNone;
      const int filters = random_.Int(count == 1 ? 2 : 1, random_.Chance(0.3) ? 3 : 2);
      const int sum = AddLayer(signs, filters, flaw);
      if (sum < 0) continue;
      sums.push_back(sum);
      if (flaw == Flaw::kNone) ++whole;
      has_parts |= filters > 1 || count > 3;
    }
    // Signs that anything else reads stay apart for all.
    const bool are_all = whole == static_cast<int>(sums.size()), are_signs = !is_odd && of_signs == Flaw::kNone;
    if (are_signs && (count == 1 || are_all)) expected_sums_ += whole;
    // Filters of one sign, or three signs of more, are a sum in themselves if they are added first.
    if (has_parts && !(are_all && are_signs)) is_unsure_ = true;
    return sums;
  }

  std::vector<int> own_outputs_;  // that a layer needs to lack something
  int expected_sums_ = 0;

 private:
  enum class Flaw {
    kNone, kActivation, kInnerActivation, kMultiplier, kMultiplierOfChannel, kBias, kOtherBorder, kOtherWindow, kOutput,
    kReadSum, kMissing, kOtherTerm, kGroups, kReadSign,
    kLast = kReadSign,
    kTurnedSign, kOtherSource
  };

  struct Signs {
    Shape shape;
    std::vector<int> planes;
    // What makes each, written before the first convolution that reads it.
    std::vector<std::vector<Node>> nodes;
  };

  static Node MakeNode(Op op, std::vector<int> inputs, int output) {
    Node node;
    node.op = op;
    node.inputs = std::move(inputs);
    node.outputs = {output};
    return node;
  }
  int Repeated(int channels, float value) {
    const Shape shape{1, 1, 1, channels};
    return Constant(Type::kFloat32, shape, static_cast<std::size_t>(channels), [&] { return value; });
  }

  Signs MakeSigns(int in, int count, Flaw flaw) {
    const Shape shape = ShapeOf(in);
    Signs signs;
    signs.shape = shape;
    // Constants: none or one for all, of any sign a channel; before all signs, or for each.
    const int style = random_.Int(0, 4);
    int source = in, factor = -1;
    if (style == 2) factor = Repeated(shape.c, -1.0f);
    if (style == 3) factor = Repeated(1, -1.0f);
    if (style == 4) factor = Vector(shape.c, 1, 0);
    const bool is_factor_shared = factor >= 0 && random_.Chance(0.5);
    if (is_factor_shared) {
      source = Add(Type::kFloat32, shape);
      Push(Op::kMul, {in, factor}, source);
      factor = -1;
    }
    const bool has_vectors = random_.Chance(0.5);
    for (int i = 0; i < count; ++i) {
      std::vector<Node> nodes;
      const auto add = [&](Op op, int from, int constant) {
        nodes.push_back(MakeNode(op, {from, constant}, Add(Type::kFloat32, shape)));
        return nodes.back().outputs[0];
      };
      int value = source;
      const bool is_last = i == count - 1;
      if (is_last && flaw == Flaw::kOtherSource) {
        nodes.push_back(MakeNode(Op::kRelu, {value}, Add(Type::kFloat32, shape)));
        nodes.back().activation = Activation::kRelu6;
        value = nodes.back().outputs[0];
      }
      if (factor >= 0) value = add(Op::kMul, value, factor);
      if (is_last && flaw == Flaw::kTurnedSign) value = add(Op::kMul, value, Repeated(shape.c, -1.0f));
      if (!random_.Chance(0.2)) {
        const int term = has_vectors ? Vector(shape.c, 0.7f, 0.0f)
                                     : Repeated(random_.Chance(0.5) ? 1 : shape.c, random_.Normal());
        value = add(random_.Chance(0.5) ? Op::kSub : Op::kAdd, value, term);
      }
      signs.planes.push_back(Add(Type::kPacked, shape));
      nodes.push_back(MakeNode(Op::kQuantize, {value}, signs.planes.back()));
      signs.nodes.push_back(std::move(nodes));
    }
    return signs;
  }

  // The layer's output; -1 where no window fits.
  int AddLayer(Signs& signs, int filters, Flaw& flaw) {
    Node form;
    const int side = random_.Int(1, 3), kernel_w = random_.Chance(0.8) ? side : random_.Int(1, 3);
    Shape out;
    if (!FindWindow(form, signs.shape, side, kernel_w, out, true)) return -1;
    out.c = AnyChannels();
    const int groups = flaw == Flaw::kGroups ? 2 : 1;
    if (out.c % groups != 0) ++out.c;
    if (flaw == Flaw::kOtherWindow && form.padding == Padding::kValid) flaw = Flaw::kNone;
    form.op = Op::kBconv2d;
    form.channels_in = signs.shape.c;
    form.pads_with_one = random_.Chance(0.6);
    const Shape kernel{out.c, side, kernel_w, signs.shape.c / groups};

    const double way = random_.Chance(0.5) ? 1 : -1, unit = way * std::ldexp(1.0, random_.Int(-2, 1));
    const int step = random_.Chance(0.15) ? 0 : random_.Chance(0.1) ? 2 : 1;
    std::vector<Leaf> leaves;
    for (int f = 0; f < filters; ++f) {
      const int words = Filters(kernel);
      const double turn = random_.Chance(0.15) ? -1 : 1;
      for (std::size_t p = 0; p < signs.planes.size(); ++p) {
        leaves.push_back({p, random_.Chance(0.2) ? Copied(words) : words, turn * std::ldexp(unit, f * step)});
      }
    }
    for (std::size_t i = leaves.size() - 1; i > 0; --i) {
      std::swap(leaves[i], leaves[static_cast<std::size_t>(random_.Int(0, static_cast<int>(i)))]);
    }
    if (flaw == Flaw::kMissing) leaves.pop_back();

    // Sums so far; any two are added, between convolutions or behind them.
    std::vector<int> values;
    const auto number = static_cast<std::size_t>(random_.Int(0, static_cast<int>(leaves.size()) - 1));
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      values.push_back(AddLeaf(signs, leaves[i], form, out, i == number ? flaw : Flaw::kNone));
      if (i == number) values.back() = Flawed(values.back(), flaw);
      while (values.size() > 1 && (i + 1 == leaves.size() || random_.Chance(0.4))) AddTwo(values, out);
    }
    // An activation behind the sum is no part of it.
    if (random_.Chance(0.3)) graph_.nodes.back().activation = static_cast<Activation>(random_.Int(1, 3));
    if (flaw == Flaw::kReadSign) {
      const int plane = signs.planes[0];
      own_outputs_.push_back(plane);
      if (random_.Chance(0.5)) {
        own_outputs_.back() = Add(Type::kFloat32, signs.shape);
        Push(Op::kDequantize, {plane}, own_outputs_.back());
      }
    }
    return values[0];
  }

  struct Leaf {
    std::size_t plane;
    int filter;
    double multiplier;
  };

  // The same words at another place.
  int Copied(int filter) {
    const Value value = graph_.values[static_cast<std::size_t>(filter)];
    const auto* words = static_cast<const std::uint32_t*>(value.constant);
    const Shape& shape = value.shape;
    std::size_t at = 0;
    return Constant(Type::kPacked, shape, static_cast<std::size_t>(shape.n * shape.pixels() * ((shape.c + 31) / 32)),
                    [&] { return words[at++]; });
  }

  int AddLeaf(Signs& signs, const Leaf& leaf, const Node& form, const Shape& out, Flaw flaw) {
    std::vector<Node>& before = signs.nodes[leaf.plane];
    graph_.nodes.insert(graph_.nodes.end(), before.begin(), before.end());
    before.clear();
    int filter = leaf.filter;
    if (flaw == Flaw::kOtherWindow) {
      Shape kernel = ShapeOf(filter);
      ++kernel.h;
      filter = Filters(kernel);
    }
    const double factor = flaw == Flaw::kMultiplier ? 1.5 * leaf.multiplier : leaf.multiplier;
    const int odd = flaw == Flaw::kMultiplierOfChannel ? random_.Int(0, out.c - 1) : -1;
    int channel = 0;
    const auto channels = static_cast<std::size_t>(out.c);
    const int multipliers = Constant(Type::kFloat32, Shape{1, 1, 1, out.c}, channels, [&] {
      return static_cast<float>(channel++ == odd ? 2 * factor : factor);
    });
    const bool has_bias = random_.Chance(0.4);
    const int bias = Constant(Type::kFloat32, Shape{1, 1, 1, out.c}, channels, [&] {
      if (flaw == Flaw::kBias) return 0.1f;
      return has_bias ? static_cast<float>(0.5 * leaf.multiplier * random_.Int(-40, 40)) : 0.0f;
    });
    Node node = form;
    node.inputs = {signs.planes[leaf.plane], filter, multipliers, bias, -1};
    node.outputs = {Add(Type::kFloat32, out)};
    if (flaw == Flaw::kActivation) node.activation = static_cast<Activation>(random_.Int(1, 3));
    if (flaw == Flaw::kOtherBorder) node.pads_with_one = !node.pads_with_one;
    graph_.nodes.push_back(node);
    return node.outputs[0];
  }

  // A convolution's output with what makes it a part of no sum.
  int Flawed(int value, Flaw flaw) {
    const Shape shape = ShapeOf(value);
    if (flaw == Flaw::kOutput) own_outputs_.push_back(value);
    if (flaw == Flaw::kReadSum) {
      own_outputs_.push_back(Add(Type::kFloat32, shape));
      Push(Op::kRelu, {value}, own_outputs_.back()).activation = Activation::kRelu;
    }
    if (flaw != Flaw::kInnerActivation && flaw != Flaw::kOtherTerm) return value;
    const int changed = Add(Type::kFloat32, shape);
    if (flaw == Flaw::kInnerActivation) {
      Push(Op::kRelu, {value}, changed).activation = Activation::kRelu;
    } else {
      Push(Op::kAdd, {value, Repeated(shape.c, 0.25f)}, changed);
    }
    return changed;
  }

  void AddTwo(std::vector<int>& values, const Shape& shape) {
    const auto take = [&] {
      const auto i = static_cast<std::ptrdiff_t>(random_.Int(0, static_cast<int>(values.size()) - 1));
      const int value = values[static_cast<std::size_t>(i)];
      values.erase(values.begin() + i);
      return value;
    };
    const int first = take(), second = take();
    values.push_back(Add(Type::kFloat32, shape));
    Push(Op::kAdd, {first, second}, values.back());
  }

  bool is_unsure_ = false;
};

}  // namespace edgehybrid

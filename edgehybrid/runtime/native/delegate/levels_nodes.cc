// Our operators of levels, each as nodes that plans compile as layers of several bits: plan/levels.h,
// plan/bit_sum.h. A level is how many of three thresholds an integer has passed. Integers are float32 in the graph:
// below 2^24 they are the same numbers.
//
// A map of levels is three signs of one float map: sign i is -1 where threshold i is passed, so that the level is
// the sum over i of (1 - sign i) / 2, and the border, whose signs are +1, is the level 0. With one sign in place of
// the level, a convolution of weights w = ±1 is sum (1 - sign) / 2 * w = -1/2 sum (sign * w) + 1/2 sum w: a binary
// one with multiplier and bias.
#include <algorithm>
#include <array>
#include <utility>

#include "delegate/operands.h"
#include "delegate/options.h"

namespace edgehybrid {

namespace {

constexpr int kSigns = 3;
// Values that stand for a tensor, by their `part`: its integers; the first of its signs; those between.
constexpr int kIntegers = 1, kFirstSign = 2, kBetween = kFirstSign + kSigns;
// Floats hold whole numbers up to this.
constexpr std::int32_t kMostWhole = 1 << 24;
// The largest sum of a convolution; what residuals add is the writer's to bound.
constexpr int kMostSum = 1 << 23;

// Nodes that stand for one of the host's. All their values are parts of the tensor that it writes.
class Lowering {
 public:
  explicit Lowering(const Operands& operands) : operands_(operands) {}

  Operand Between(const Shape& shape) { return Operand{operands_.Output(), Value{Type::kFloat32, shape}, next_++}; }

  static Operand Constant(std::vector<float> numbers) {
    Operand operand;
    operand.value.shape.c = static_cast<int>(numbers.size());
    operand.kept = std::make_shared<const std::vector<float>>(std::move(numbers));
    operand.value.constant = operand.kept->data();
    return operand;
  }

  const Operand& Add(const Node& node, std::vector<Operand> inputs, const Operand& output) {
    nodes_.push_back(HostNode{-1, node, std::move(inputs), output});
    return nodes_.back().output;
  }
  const Operand& Add(Op op, std::vector<Operand> inputs, const Operand& output) {
    return Add(Node{op, {}, {}}, std::move(inputs), output);
  }

  std::vector<HostNode> Take() { return std::move(nodes_); }

 private:
  const Operands& operands_;
  std::vector<HostNode> nodes_;
  int next_ = kBetween;
};

Operand IntegersOf(const Operands& operands, int tensor) {
  return Operand{tensor, operands.tensors().WholeNumbers(tensor), kIntegers};
}

void RequireShape(const char* what, const Shape& shape, const Shape& wanted) {
  Require(shape == wanted, std::string(what) + " is " + TextOf({shape.n, shape.h, shape.w, shape.c}) + " where " +
                               TextOf({wanted.n, wanted.h, wanted.w, wanted.c}) + " is needed");
}

// Three signs; `channels` is what the words hold.
std::array<Operand, kSigns> SignsOf(const Operands& operands, int tensor, int channels) {
  Operand sign{tensor, operands.tensors().Map(tensor, Type::kPacked)};
  Shape& shape = sign.value.shape;
  Require(shape.c / 32 == 2 * WordsOf(channels), "tensor " + operands.tensors().NameOf(tensor) + " has " +
                                                     std::to_string(shape.c / 32) + " words a pixel where levels of " +
                                                     std::to_string(channels) + " channels have " +
                                                     std::to_string(2 * WordsOf(channels)));
  shape.c = channels;
  // The words are within this bound, but not the floats that they come from.
  Require(shape.size() <= kMostElements, "its map has more than " + std::to_string(kMostElements) + " elements");
  std::array<Operand, kSigns> signs;
  for (int i = 0; i < kSigns; ++i) {
    sign.part = kFirstSign + i;
    signs[static_cast<std::size_t>(i)] = sign;
  }
  return signs;
}

// A constant (channels, 4): the thresholds of each channel, ascending, and its direction.
class Thresholds {
 public:
  Thresholds(const Operands& operands, int position, int channels) : channels_(channels) {
    const int tensor = operands.Input(position);
    numbers_ = static_cast<const std::int32_t*>(operands.tensors().Constant(tensor, Type::kInt32).constant);
    const std::vector<int> dims = operands.tensors().Dims(tensor);
    const std::vector<int> wanted{channels, kSigns + 1};
    Require(dims == wanted,
            "its thresholds have the shape " + TextOf(dims) + " where " + TextOf(wanted) + " is needed");
    for (int c = 0; c < channels; ++c) {
      const std::int32_t* row = Row(c);
      Require(row[kSigns] == 1 || row[kSigns] == -1, "the direction of channel " + std::to_string(c) + " is " +
                                                         std::to_string(row[kSigns]) + "; 1 and -1 are allowed");
      Require(std::is_sorted(row, row + kSigns), "the thresholds of channel " + std::to_string(c) + " do not ascend");
    }
  }

  // x has passed threshold t in direction d where d x >= t, as a sum that is negative: -d x + (t - 1) < 0. No integer
  // lies between, and no sum of two integers is rounded to 0 or beyond it. Beyond 2^24 lies no x: always, or never.
  std::vector<float> Factors() const {
    return Column([](const std::int32_t* row) { return -row[kSigns]; });
  }
  std::vector<float> Terms(int sign) const {
    return Column([sign](const std::int32_t* row) { return std::clamp(row[sign], 1 - kMostWhole, kMostWhole) - 1; });
  }

 private:
  const std::int32_t* Row(int channel) const { return numbers_ + std::ptrdiff_t{channel} * (kSigns + 1); }

  template <typename Number>
  std::vector<float> Column(Number number) const {
    std::vector<float> column;
    for (int c = 0; c < channels_; ++c) column.push_back(static_cast<float>(number(Row(c))));
    return column;
  }

  const std::int32_t* numbers_;
  int channels_;
};

// The levels of a float map of integers, which is as large as the signs.
void AddLevels(Lowering& lowering, const Operand& map, const Thresholds& thresholds,
               const std::array<Operand, kSigns>& signs) {
  const Shape& shape = map.value.shape;
  const Operand turned =
      lowering.Add(Op::kMul, {map, Lowering::Constant(thresholds.Factors())}, lowering.Between(shape));
  for (int i = 0; i < kSigns; ++i) {
    const Operand shifted =
        lowering.Add(Op::kAdd, {turned, Lowering::Constant(thresholds.Terms(i))}, lowering.Between(shape));
    lowering.Add(Op::kQuantize, {shifted}, signs[static_cast<std::size_t>(i)]);
  }
}

std::vector<HostNode> Levels(const Operands& operands) {
  operands.Expect(2, 2);
  const int channels = Options(operands.node(), {"channels"}).Get("channels", 1, static_cast<int>(kMostElements));
  const bool is_int8 = operands.tensors().At(operands.Input(0)).type == tflite::kInt8;
  Operand map = is_int8 ? operands.InputMap(0, Type::kInt8) : IntegersOf(operands, operands.Input(0));
  Shape shape = map.value.shape;
  Require(is_int8 ? channels % shape.c == 0 : channels == shape.c,
          "its option 'channels' is " + std::to_string(channels) + "; the " + std::to_string(shape.c) +
              " of its map are allowed" + (is_int8 ? ", and multiples of them" : ""));
  const std::array<Operand, kSigns> signs = SignsOf(operands, operands.Output(), channels);
  const Thresholds thresholds(operands, 1, channels);
  shape.c = channels;
  RequireShape("its output", signs[0].value.shape, shape);
  Lowering lowering(operands);
  if (is_int8) map = lowering.Add(Op::kDequantize, {map}, lowering.Between(shape));
  AddLevels(lowering, map, thresholds, signs);
  return lowering.Take();
}

// Half the sum of the weights of each filter, of which a bit that is set stands for -1.
std::vector<float> HalfSums(const Value& filter) {
  const std::int64_t weights = filter.shape.pixels() * filter.shape.c;
  const std::int64_t words = filter.shape.pixels() * WordsOf(filter.shape.c);
  const auto* word = static_cast<const std::uint32_t*>(filter.constant);
  std::vector<float> sums;
  for (int o = 0; o < filter.shape.n; ++o) {
    std::int64_t negative = 0;
    for (std::int64_t i = 0; i < words; ++i) negative += __builtin_popcount(*word++);
    sums.push_back(0.5f * static_cast<float>(weights - 2 * negative));
  }
  return sums;
}

std::vector<HostNode> Conv2d(const Operands& operands, const PackedChannels& channels) {
  operands.Expect(2, 4);
  const Options options(operands.node(), {"channels_in", "stride_height", "stride_width"});
  Node node{Op::kBconv2d, {}, {}};
  node.channels_in = options.Get("channels_in", 1, kMostSum);
  node.stride_h = options.Get("stride_height", 1, kMostSteps);
  node.stride_w = options.Get("stride_width", 1, kMostSteps);
  node.padding = Padding::kSame;
  node.pads_with_one = true;

  const auto known = channels.find(operands.Input(0));
  Require(known != channels.end(), "no node before it computes the levels that it reads");
  Require(known->second == node.channels_in, "its option 'channels_in' is " + std::to_string(node.channels_in) +
                                                 " where its input has " + std::to_string(known->second));
  const std::array<Operand, kSigns> signs = SignsOf(operands, operands.Input(0), node.channels_in);

  Operand filter = operands.Filter(1, Type::kPacked, "OHWI");
  Shape& kernel = filter.value.shape;
  Require(kernel.c == WordsOf(node.channels_in), "its filter has " + std::to_string(kernel.c) +
                                                     " words where its input has " +
                                                     std::to_string(WordsOf(node.channels_in)));
  kernel.c = node.channels_in;
  Require(kernel.pixels() * kernel.c * kSigns < kMostSum,
          "its sums may reach more than " + std::to_string(kMostSum) + ", the most that is allowed");
  RequireCleanTails(filter.value);

  const bool gives_levels = operands.Input(2) >= 0, has_residual = operands.Input(3) >= 0;
  std::array<Operand, kSigns> levels;
  Operand result;
  if (gives_levels) {
    levels = SignsOf(operands, operands.Output(), kernel.n);
  } else {
    result = IntegersOf(operands, operands.Output());
  }
  const Shape shape = gives_levels ? levels[0].value.shape : result.value.shape;
  Require(shape.c == kernel.n, "its output has " + std::to_string(shape.c) + " channels where its filter has " +
                                   std::to_string(kernel.n));
  RequireWindow(node, signs[0].value.shape, shape, kernel.h, kernel.w);

  Lowering lowering(operands);
  const auto outputs = static_cast<std::size_t>(kernel.n);
  const Operand multiplier = Lowering::Constant(std::vector<float>(outputs, -0.5f));
  const Operand bias = Lowering::Constant(HalfSums(filter.value));
  std::vector<Operand> terms;
  for (const Operand& sign : signs) {
    terms.push_back(lowering.Add(node, {sign, filter, multiplier, bias, Operand{}}, lowering.Between(shape)));
  }
  if (has_residual) {
    terms.push_back(IntegersOf(operands, operands.Input(3)));
    RequireShape("its residual", terms.back().value.shape, shape);
  }
  Operand sum = terms[0];
  for (std::size_t i = 1; i < terms.size(); ++i) {
    const bool is_last = i + 1 == terms.size() && !gives_levels;
    sum = lowering.Add(Op::kAdd, {sum, terms[i]}, is_last ? result : lowering.Between(shape));
  }
  if (gives_levels) AddLevels(lowering, sum, Thresholds(operands, 2, kernel.n), levels);
  return lowering.Take();
}

std::vector<HostNode> Scores(const Operands& operands) {
  operands.Expect(2, 2);
  const Options none(operands.node(), {});
  const Operand map = IntegersOf(operands, operands.Input(0));
  const Shape& in = map.value.shape;
  const Operand result = operands.OutputMap(Type::kFloat32);
  RequireShape("its output", result.value.shape, Shape{in.n, 1, 1, in.c});
  Lowering lowering(operands);
  const Operand sum = lowering.Add(Op::kSum, {map}, lowering.Between(result.value.shape));
  lowering.Add(Op::kMul, {sum, operands.ChannelVector(1, Type::kFloat32, in.c)}, result);
  return lowering.Take();
}

}  // namespace

std::vector<HostNode> ReadLevelsNode(const std::string& name, const Operands& operands,
                                     const PackedChannels& channels) {
  if (name == "EdgehybridLevels") return Levels(operands);
  if (name == "EdgehybridConv2d") return Conv2d(operands, channels);
  if (name == "EdgehybridScores") return Scores(operands);
  throw Refused("the operator is unknown; EdgehybridLevels, EdgehybridConv2d and EdgehybridScores are known");
}

}  // namespace edgehybrid

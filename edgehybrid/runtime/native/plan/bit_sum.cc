#include "plan/bit_sum.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace edgehybrid {

namespace {

// Filters of one bit that make up a weight.
constexpr int kMostFilters = 8;
constexpr int kMostLeaves = ((1 << kMostBits) - 1) * kMostFilters;
// A float holds whole numbers up to this.
constexpr double kMostSteps = 1 << 24;
// Powers of two that are far from where floats end.
constexpr int kFurthestPower = 100;
constexpr std::int64_t kMostPlaneBytes = std::int64_t{1} << 30;

bool IsReadOnce(const Reading& reading, int value) {
  return reading.Readers(value).size() == 1 && !reading.IsOutput(value);
}

// The additions below `root`, and the convolutions that they add; false where they add anything else.
bool CollectTree(const Reading& reading, int root, BitSum& sum, std::vector<int>& leaves) {
  std::vector<int> left{root};
  while (!left.empty()) {
    const int add = left.back();
    left.pop_back();
    const Node& node = reading.NodeAt(add);
    // What follows the sum is no part of it.
    if (node.op != Op::kAdd || (add != root && node.activation != Activation::kNone)) return false;
    sum.nodes.push_back(add);
    for (const int value : node.inputs) {
      const int writer = reading.IsConstant(value) || !IsReadOnce(reading, value) ? -1 : reading.WriterOf(value);
      if (writer < 0 || leaves.size() + left.size() >= kMostLeaves) return false;
      (reading.NodeAt(writer).op == Op::kBconv2d ? leaves : left).push_back(writer);
    }
  }
  sum.nodes.insert(sum.nodes.end(), leaves.begin(), leaves.end());
  std::sort(sum.nodes.begin(), sum.nodes.end());
  return true;
}

// Convolutions of one form over maps of one form, without groups, with float output and no activation.
bool AreAlike(const Reading& reading, const Node& a, const Node& b) {
  return b.activation == Activation::kNone && b.channels_in == reading.ShapeOf(b.inputs[1]).c &&
         reading.IsFloat(b.outputs[0]) && !reading.IsConstant(b.inputs[0]) && a.padding == b.padding &&
         a.stride_h == b.stride_h && a.stride_w == b.stride_w && a.dilation_h == b.dilation_h &&
         a.dilation_w == b.dilation_w && a.pads_with_one == b.pads_with_one &&
         reading.ShapeOf(a.inputs[0]) == reading.ShapeOf(b.inputs[0]) &&
         reading.ShapeOf(a.inputs[1]) == reading.ShapeOf(b.inputs[1]) &&
         reading.ShapeOf(a.outputs[0]) == reading.ShapeOf(b.outputs[0]);
}

bool IsPowerOfTwo(float x) {
  int exponent = 0;
  return std::isfinite(x) && std::fabs(std::frexp(x, &exponent)) == 0.5f;
}

// The greatest power of two that x, not 0, is a multiple of.
int LowestBit(float x) {
  int exponent = 0;
  const auto digits = static_cast<std::int32_t>(std::ldexp(std::frexp(x, &exponent), 24));
  return exponent - 24 + __builtin_ctz(static_cast<unsigned>(std::abs(digits)));
}

// A filter with its multiplier, and the signs that it is applied to.
struct Filter {
  const std::int32_t* words;
  float multiplier;
  std::vector<int> planes;
};

class Sum {
 public:
  Sum(const Reading& reading, BitSum& sum) : reading_(reading), sum_(sum) {}

  bool Read(const std::vector<int>& leaves) {
    const Node& first = reading_.NodeAt(leaves[0]);
    sum_.convolution = leaves[0];
    sum_.bias.assign(static_cast<std::size_t>(reading_.ShapeOf(first.outputs[0]).c), 0.0);
    for (const int leaf : leaves) {
      const Node& node = reading_.NodeAt(leaf);
      if (!AreAlike(reading_, first, node) || !AddLeaf(node)) return false;
    }
    std::sort(sum_.planes.begin(), sum_.planes.end());
    for (Filter& filter : filters_) {
      std::sort(filter.planes.begin(), filter.planes.end());
      if (filter.planes != sum_.planes) return false;
    }
    return static_cast<int>(filters_.size()) <= kMostFilters && IsExact() && FindBits(first);
  }

 private:
  bool AddLeaf(const Node& node) {
    const std::size_t channels = sum_.bias.size();
    const float *multipliers = reading_.Floats(node.inputs[2]), *bias = reading_.Floats(node.inputs[3]);
    const float multiplier = multipliers[0];
    if (!IsPowerOfTwo(multiplier)) return false;
    step_ = std::min(step_, LowestBit(multiplier));
    float largest = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      if (multipliers[c] != multiplier || !std::isfinite(bias[c])) return false;
      sum_.bias[c] += static_cast<double>(bias[c]);
      if (bias[c] != 0) step_ = std::min(step_, LowestBit(bias[c]));
      largest = std::max(largest, std::fabs(bias[c]));
    }
    const Shape& kernel = reading_.ShapeOf(node.inputs[1]);
    limit_ += 2.0 * static_cast<double>(kernel.pixels() * kernel.c) * std::fabs(static_cast<double>(multiplier)) +
              static_cast<double>(largest);
    const int plane = node.inputs[0];
    if (std::find(sum_.planes.begin(), sum_.planes.end(), plane) == sum_.planes.end()) {
      sum_.planes.push_back(plane);
    }
    AddToFilter(reading_.Words(node.inputs[1]), WordsOf(kernel), multiplier, plane);
    return true;
  }

  static std::size_t WordsOf(const Shape& kernel) {
    return static_cast<std::size_t>(kernel.n * kernel.pixels() * ((kernel.c + 31) / 32));
  }

  // Two filters may be the same by chance: each is applied to a sign once.
  void AddToFilter(const std::int32_t* words, std::size_t count, float multiplier, int plane) {
    for (Filter& filter : filters_) {
      if (filter.multiplier == multiplier &&
          std::find(filter.planes.begin(), filter.planes.end(), plane) == filter.planes.end() &&
          (filter.words == words || std::equal(words, words + count, filter.words))) {
        filter.planes.push_back(plane);
        return;
      }
    }
    filters_.push_back({words, multiplier, {plane}});
  }

  // All that is added are multiples of 2^step_ and stay below 2^24 of them.
  bool IsExact() const {
    return step_ >= -kFurthestPower && limit_ <= std::ldexp(kMostSteps, step_) &&
           limit_ <= std::ldexp(1.0, kFurthestPower);
  }

  bool FindBits(const Node& first) {
    const int signs = static_cast<int>(sum_.planes.size());
    sum_.bits.planes = 1;
    while ((1 << sum_.bits.planes) - 1 < signs) ++sum_.bits.planes;
    const Shape& map = reading_.ShapeOf(first.inputs[0]);
    if ((1 << sum_.bits.planes) - 1 != signs || sum_.bits.planes > kMostBits ||
        map.pixels() * ((map.c + 31) / 32) * 4 * sum_.bits.planes > kMostPlaneBytes) {
      return false;
    }
    const auto is_less = [](const Filter& a, const Filter& b) {
      return std::fabs(a.multiplier) < std::fabs(b.multiplier);
    };
    sum_.unit = static_cast<double>(std::min_element(filters_.begin(), filters_.end(), is_less)->multiplier);
    for (const Filter& filter : filters_) {
      const double weight = static_cast<double>(filter.multiplier) / sum_.unit;
      sum_.bits.exponents.push_back(std::ilogb(weight));
      sum_.bits.filters.push_back(weight > 0 ? filter.words : Turned(filter.words, reading_.ShapeOf(first.inputs[1])));
    }
    return true;
  }

  // The filter with the other sign. Bits behind the last channel stay 0.
  const std::int32_t* Turned(const std::int32_t* words, const Shape& kernel) {
    std::vector<std::int32_t> turned(words, words + WordsOf(kernel));
    const std::size_t words_a_tap = static_cast<std::size_t>((kernel.c + 31) / 32);
    const std::int32_t last = kernel.c % 32 == 0 ? -1 : static_cast<std::int32_t>((1u << kernel.c % 32) - 1);
    for (std::size_t i = 0; i < turned.size(); ++i) turned[i] ^= (i + 1) % words_a_tap == 0 ? last : -1;
    sum_.turned.push_back(std::move(turned));
    return sum_.turned.back().data();
  }

  const Reading& reading_;
  BitSum& sum_;
  std::vector<Filter> filters_;
  int step_ = kFurthestPower;
  double limit_ = 0;
};

}  // namespace

bool ReadBitSum(const Reading& reading, int node, BitSum& sum) {
  std::vector<int> leaves;
  return CollectTree(reading, node, sum, leaves) && Sum(reading, sum).Read(leaves);
}

}  // namespace edgehybrid

#include "plan/program.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgehybrid {

namespace {
constexpr std::int32_t kSignBit = std::numeric_limits<std::int32_t>::min();
}  // namespace

template <typename T>
const T* Program::Keep(const std::vector<T>& values, T rest) {
  const std::size_t padded = RoundUp(std::max<std::size_t>(values.size(), 1), kLanes);
  kept_.emplace_back(padded * sizeof(T));
  T* place = kept_.back().as<T>();
  std::fill(place, place + padded, rest);
  std::copy(values.begin(), values.end(), place);
  return place;
}

MicroOp& Program::Append(Micro kind, const Map& map) {
  ops_.push_back(MicroOp{kind, nullptr, nullptr, 0, 0, 0, map.exists() ? map.pixel_bytes : 0});
  maps_.push_back(map);
  return ops_.back();
}

void Program::Scale(const std::vector<float>& factors) {
  if (!TakesInPower(factors)) Append(Micro::kScale).a = Keep(factors, 0.0f);
}
void Program::ScaleByPower(float power, int channels) {
  Scale(std::vector<float>(static_cast<std::size_t>(channels), power));
  behind_power_ = ops_.size();
}
// (x p) f and x (p f) have the same one rounding where p f has none.
bool Program::TakesInPower(const std::vector<float>& factors) {
  if (ops_.empty() || behind_power_ != ops_.size()) return false;
  const float power = ops_.back().a[0];
  std::vector<float> products;
  for (const float factor : factors) {
    products.push_back(factor * power);
    if (factor != 0 && !(std::isnormal(products.back()) && products.back() / power == factor)) return false;
  }
  ops_.back().a = Keep(products, 0.0f);
  behind_power_ = 0;
  return true;
}
void Program::Bias(const std::vector<float>& terms) { Append(Micro::kBias).a = Keep(terms, 0.0f); }
void Program::Relu() { Append(Micro::kRelu); }
void Program::Clamp(float low, float high) {
  MicroOp& op = Append(Micro::kClamp);
  op.low = low;
  op.high = high;
}
void Program::Prelu(const std::vector<float>& slopes) { Append(Micro::kPrelu).a = Keep(slopes, 0.0f); }
void Program::WithMap(Micro kind, const Map& map) { Append(kind, map); }

void Program::BiasPart(const std::vector<float>& terms, const Map& map, int channels) {
  MicroOp& op = Append(Micro::kBiasPart, map);
  op.a = Keep(terms, 0.0f);
  op.channels = channels;
}
void Program::Store(const Map& map) { Append(Micro::kStore, map); }
void Program::StorePart(const Map& map, int channels) { Append(Micro::kStorePart, map).channels = channels; }
void Program::StoreInt8(const Map& map) { Append(Micro::kStoreInt8, map).channels = map.c; }

void Program::Pack(const Map& map, const std::vector<float>& thresholds, const std::vector<bool>& flips, Micro kind) {
  MicroOp& op = Append(kind, map);
  op.a = Keep(thresholds, -std::numeric_limits<float>::infinity());
  if (std::find(flips.begin(), flips.end(), true) == flips.end()) return;
  std::vector<std::int32_t> signs(flips.size());
  std::transform(flips.begin(), flips.end(), signs.begin(), [](bool flip) { return flip ? kSignBit : 0; });
  op.signs = Keep(signs, 0);
}

void Program::Threshold(const Map& map, const std::vector<std::int32_t>& thresholds, const std::vector<bool>& flips) {
  is_threshold_ = true;
  threshold_map_ = map;
  thresholds_ = Keep(thresholds, std::numeric_limits<std::int32_t>::max());
  std::vector<std::uint16_t> masks(RoundUp(flips.size(), kLanes) / kLanes);
  for (std::size_t c = 0; c < flips.size(); ++c) {
    masks[c / kLanes] = static_cast<std::uint16_t>(masks[c / kLanes] | (unsigned{flips[c]} << (c % kLanes)));
  }
  flips_ = Keep(masks, std::uint16_t{0});
}

void Program::FoldIntoThreshold(int channels, std::int32_t largest) {
  if (ops_.empty() || ops_.back().kind != Micro::kPack) return;
  for (std::size_t i = 0; i + 1 < ops_.size(); ++i) {
    const Micro kind = ops_[i].kind;
    if (kind != Micro::kScale && kind != Micro::kBias && kind != Micro::kRelu && kind != Micro::kClamp) return;
  }
  // The bit as a function of one sum, by the very operations that the program would do.
  const auto bit = [this](int channel, std::int32_t sum) {
    float f = static_cast<float>(sum);
    for (const MicroOp& op : ops_) {
      if (op.kind == Micro::kScale) f *= op.a[channel];
      if (op.kind == Micro::kBias) f += op.a[channel];
      if (op.kind == Micro::kRelu) f = 0.0f > f ? 0.0f : f;
      if (op.kind == Micro::kClamp) f = op.high < (op.low > f ? op.low : f) ? op.high : (op.low > f ? op.low : f);
      if (op.kind == Micro::kPack) return (op.signs != nullptr && op.signs[channel] != 0 ? -f : f) < op.a[channel];
    }
    return false;
  };
  std::vector<std::int32_t> thresholds(static_cast<std::size_t>(channels));
  std::vector<bool> flips(thresholds.size());
  for (int channel = 0; channel < channels; ++channel) {
    // Monotone, so the bit changes once at most: after the last sum with the bit of sum 0.
    const bool first = bit(channel, 0);
    std::int32_t same = 0, other = largest + 1;
    if (bit(channel, largest) == first) {
      same = largest;
    } else {
      while (other - same > 1) {
        const std::int32_t middle = same + (other - same) / 2;
        (bit(channel, middle) == first ? same : other) = middle;
      }
    }
    thresholds[static_cast<std::size_t>(channel)] = same;
    flips[static_cast<std::size_t>(channel)] = first;
  }
  const Map map = maps_.back();
  ops_.clear();
  maps_.clear();
  Threshold(map, thresholds, flips);
}

namespace {

// The first operation that does more than to read bits off the value.
std::size_t FirstOther(const std::vector<MicroOp>& ops) {
  const auto is_other = [](const MicroOp& op) { return op.kind != Micro::kPack && op.kind != Micro::kPackXor; };
  return static_cast<std::size_t>(std::find_if(ops.begin(), ops.end(), is_other) - ops.begin());
}

}  // namespace

const Map* Program::StoresStrip() const {
  const std::size_t i = FirstOther(ops_);
  return i < ops_.size() && ops_[i].kind == Micro::kStore ? &maps_[i] : nullptr;
}

void Program::DropStripStore() {
  const auto i = static_cast<std::ptrdiff_t>(FirstOther(ops_));
  ops_.erase(ops_.begin() + i);
  maps_.erase(maps_.begin() + i);
}

void Program::Finish(const Kernels& kernels, bool from_ints) {
  kernels_ = &kernels;
  if (is_threshold_) return;
  kernel_ = kernels.program(ops_.data(), static_cast<int>(ops_.size()), from_ints);
}

NarrowKernel Program::Narrow(int words) const {
  return is_threshold_ ? nullptr : kernels_->narrow(ops_.data(), static_cast<int>(ops_.size()), words);
}

namespace {

MapRows RowsOf(const Map& map, Slots slots, int y) {
  return map.exists() ? MapRows{map.At(slots, y, 0), map.row_bytes} : MapRows{};
}

}  // namespace

ProgramStrip Program::Strip(MapRows* maps, Slots slots, int y, int rows, int pixels, int first_group, int groups) const {
  for (std::size_t i = 0; i < ops_.size(); ++i) maps[i] = RowsOf(maps_[i], slots, y);
  return {nullptr, 0, rows, pixels, first_group, groups, ops_.data(), maps, static_cast<int>(ops_.size())};
}

void Program::Run(Slots slots, const void* strip, std::ptrdiff_t stride, int y, int rows, int pixels, int first_group,
                  int groups) const {
  if (is_threshold_) {
    kernels_->threshold(ThresholdStrip{static_cast<const std::int32_t*>(strip), stride, rows, pixels, first_group, groups,
                                       thresholds_, flips_, RowsOf(threshold_map_, slots, y), threshold_map_.pixel_bytes});
    return;
  }
  MapRows maps[kMaxOps];
  ProgramStrip call = Strip(maps, slots, y, rows, pixels, first_group, groups);
  call.strip = strip;
  call.stride = stride;
  kernel_(call);
}

void Program::Run(Slots slots, NarrowKernel kernel, NarrowStrip strip, int y, int rows, int pixels, int groups) const {
  MapRows maps[kMaxOps];
  strip.program = Strip(maps, slots, y, rows, pixels, 0, groups);
  kernel(strip);
}

namespace {

bool IsWritten(Micro kind) {
  return kind == Micro::kStore || kind == Micro::kStorePart || kind == Micro::kStoreInt8 || kind == Micro::kPack ||
         kind == Micro::kPackXor;
}

}  // namespace

void Program::ListAccesses(int first_row, int last_row, Accesses& accesses) const {
  if (is_threshold_) AddWrite(accesses, threshold_map_, first_row, last_row);
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    if (!maps_[i].exists()) continue;
    if (IsWritten(ops_[i].kind)) {
      AddWrite(accesses, maps_[i], first_row, last_row);
    } else {
      AddRead(accesses, maps_[i], first_row, last_row, ops_[i].kind == Micro::kBiasPart ? kBehindRow : 0);
    }
  }
}

}  // namespace edgehybrid

#include "plan/maps.h"

#include <algorithm>
#include <stdexcept>

#include "graph/sums.h"
#include "plan/bconv_step.h"
#include "plan/simple_steps.h"

namespace edgehybrid {

namespace {

constexpr std::ptrdiff_t kFloat = sizeof(float);

std::ptrdiff_t WholeGroups(int channels) {
  return static_cast<std::ptrdiff_t>(RoundUp(static_cast<std::size_t>(channels), kLanes));
}

Map Layout(const Shape& shape, std::ptrdiff_t pixel_bytes, const Border& border) {
  Map map;
  map.h = shape.h;
  map.w = shape.w;
  map.c = shape.c;
  map.pixel_bytes = pixel_bytes;
  map.row_bytes = (shape.w + border.left + border.right) * pixel_bytes;
  map.offset = border.top * map.row_bytes + border.left * pixel_bytes;
  return map;
}

}  // namespace

Maps::Maps(const Reading& reading, CompiledPlan& plan)
    : reading_(reading), plan_(plan), maps_(reading.graph().values.size()), dense_(reading.graph().values.size()) {
  for (const int value : reading.graph().inputs) {
    const int slot = plan.AddInput(DenseBytes(reading.ValueAt(value)));
    kept_.insert(slot);
    At(dense_, value) = DenseMap(value, slot);
  }
  for (const int value : reading.graph().outputs) {
    output_slots_.push_back(plan.AddOutput(DenseBytes(reading.ValueAt(value))));
  }
}

std::int64_t Maps::DenseBytes(const Value& value) {
  const Shape& s = value.shape;
  switch (value.type) {
    case Type::kPacked:
      return s.pixels() * ((s.c + 31) / 32) * 4;
    case Type::kFloat32:
    case Type::kInt32:
      return s.pixels() * s.c * 4;
    default:
      return s.pixels() * s.c;
  }
}

Maps::Form Maps::FormOf(int value, const Map& map) const {
  const Border& b = reading_.BorderOf(value);
  return {map.h, map.w, map.c, map.pixel_bytes, map.planes, b.top, b.left, b.bottom, b.right};
}

Map& Maps::NewMap(int value, std::ptrdiff_t pixel_bytes, int planes) {
  const Border& border = reading_.BorderOf(value);
  Map& map = At(maps_, value);
  map = Layout(reading_.ShapeOf(value), pixel_bytes, border);
  map.planes = planes;
  map.plane_bytes = (map.h + border.top + border.bottom) * map.row_bytes;
  std::vector<int>& free = free_[FormOf(value, map)];
  if (free.empty()) {
    map.slot = plan_.AddBuffer(static_cast<std::size_t>(planes * map.plane_bytes));
  } else {
    map.slot = free.back();
    free.pop_back();
  }
  return map;
}

Map& Maps::FloatMap(int value) {
  Map& map = At(maps_, value);
  return map.exists() ? map : NewMap(value, WholeGroups(reading_.ShapeOf(value).c) * kFloat);
}

Map& Maps::PackedMap(int value, int planes) {
  Map& map = At(maps_, value);
  return map.exists() ? map : NewMap(value, PackedPixelBytes(reading_.ShapeOf(value).c), planes);
}

Map& Maps::FloatMapInPlaceOf(const std::vector<int>& read, int value) {
  Map& map = At(maps_, value);
  if (map.exists()) return map;
  for (const int other : read) {
    Map& candidate = At(maps_, other);
    const bool is_free = candidate.exists() && reading_.IsSpent(other) && !IsKept(candidate);
    const Map needed = Layout(reading_.ShapeOf(value), WholeGroups(reading_.ShapeOf(value).c) * kFloat,
                              reading_.BorderOf(value));
    if (!is_free || FormOf(other, candidate) != FormOf(value, needed)) continue;
    map = candidate;
    candidate.slot = -1;
    return map;
  }
  return FloatMap(value);
}

Map Maps::PartOfConcat(int value) {
  if (reading_.Readers(value).size() != 1 || reading_.IsOutput(value)) return {};
  const int reader = reading_.Readers(value)[0];
  const Node& node = reading_.NodeAt(reader);
  if (reading_.IsSum(reader)) return PartOfSum(node.outputs[0], reading_.ShapeOf(value).c);
  if (node.op != Op::kConcat || !reading_.IsFloat(node.outputs[0])) return {};
  const auto is_constant = [this](int in) { return reading_.IsConstant(in); };
  if (std::any_of(node.inputs.begin(), node.inputs.end(), is_constant)) return {};
  Map part = FloatMap(node.outputs[0]);
  for (const int in : node.inputs) {
    if (in == value) break;
    part.offset += reading_.ShapeOf(in).c * kFloat;
  }
  placed_.insert(value);
  return part;
}

const Map& Maps::PartOfSum(int value, int channels) {
  const auto found = parts_.find(value);
  if (found != parts_.end()) return found->second;
  Map map = Layout(reading_.ShapeOf(value), channels * kFloat, Border{});
  std::vector<int>& free = free_parts_[FormOf(value, map)];
  if (free.empty()) {
    map.slot = plan_.AddBuffer(static_cast<std::size_t>(map.h * map.row_bytes));
  } else {
    map.slot = free.back();
    free.pop_back();
  }
  return parts_.emplace(value, map).first->second;
}

void Maps::ReleasePart(int value) {
  const Map& map = parts_.at(value);
  free_parts_[FormOf(value, map)].push_back(map.slot);
}

Map Maps::DenseMap(int value, int slot) const {
  const Value& v = reading_.ValueAt(value);
  Map map = Layout(v.shape, DenseBytes(v) / std::max<std::int64_t>(v.shape.pixels(), 1), Border{});
  map.slot = slot;
  return map;
}

// Bytes of a pixel that both layouts of a value share.
int Maps::CommonBytes(int value) const {
  const int channels = reading_.ShapeOf(value).c;
  if (reading_.IsFloat(value)) return channels * static_cast<int>(kFloat);
  return std::min(PackedPixelBytes(channels), (channels + 31) / 32 * 4);
}

// Then a pixel needs no whole groups.
bool Maps::ConvolutionsAloneRead(int value) const {
  const std::vector<int>& readers = reading_.Readers(value);
  return std::all_of(readers.begin(), readers.end(), [this](int n) {
    const Node& node = reading_.NodeAt(n);
    return node.op == Op::kConv2d && !AddsInParts(reading_.ShapeOf(node.outputs[0]).c);
  });
}

const Map& Maps::Readable(int value) {
  Map& map = At(maps_, value);
  if (map.exists()) return map;
  const Map dense = At(dense_, value);
  if (!dense.exists()) throw std::invalid_argument("a value is read before it is computed");
  const Value& v = reading_.ValueAt(value);
  if (v.type != Type::kFloat32 && v.type != Type::kPacked) throw std::invalid_argument("no kernel reads this type");
  if (v.type == Type::kFloat32 && v.shape.c % kLanes == 0 && reading_.BorderOf(value) == Border{}) {
    map = dense;
    return map;
  }
  if (v.type == Type::kPacked) {
    PackedMap(value);
  } else if (ConvolutionsAloneRead(value)) {
    NewMap(value, v.shape.c * kFloat);
  } else {
    FloatMap(value);
  }
  plan_.Add(MakeCopyStep(dense, map, CommonBytes(value)));
  return map;
}

int Maps::DenseSlot(int value) {
  Map& dense = At(dense_, value);
  if (dense.exists()) return dense.slot;
  const Map& map = At(maps_, value);
  const Map wanted = DenseMap(value, map.slot);
  if (map.offset == 0 && map.pixel_bytes == wanted.pixel_bytes && map.row_bytes == wanted.row_bytes) {
    kept_.insert(map.slot);
    dense = map;
  } else {
    NewDenseSlot(value);
    plan_.Add(MakeCopyStep(map, dense, CommonBytes(value)));
  }
  return dense.slot;
}

const Map& Maps::Dense(int value) {
  DenseSlot(value);
  return At(dense_, value);
}

const Map& Maps::NewDense(int value) {
  const int slot = plan_.AddBuffer(static_cast<std::size_t>(DenseBytes(reading_.ValueAt(value))));
  kept_.insert(slot);
  return At(dense_, value) = DenseMap(value, slot);
}

void Maps::Alias(int value, int of) {
  const int slot = DenseSlot(of);
  kept_.insert(slot);
  At(dense_, value) = DenseMap(value, slot);
}

void Maps::WriteOutputs() {
  for (std::size_t i = 0; i < output_slots_.size(); ++i) {
    const int value = reading_.graph().outputs[i];
    const Map from = DenseMap(value, DenseSlot(value)), to = DenseMap(value, output_slots_[i]);
    plan_.Add(MakeCopyStep(from, to, static_cast<int>(to.pixel_bytes)));
  }
}

void Maps::Release(int value) {
  Map& map = At(maps_, value);
  if (!map.exists() || !reading_.IsSpent(value) || IsKept(map)) return;
  free_[FormOf(value, map)].push_back(map.slot);
  map.slot = -1;
}

}  // namespace edgehybrid

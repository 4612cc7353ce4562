#include "plan/chain.h"

#include <algorithm>

#include "plan/quantiser.h"

namespace edgehybrid {

namespace {

// What a store, an elementwise node with its activation, and the store behind it take. A chain that goes on when there is
// no more room is stored and read again.
constexpr int kNeeded = 6;

bool IsElementwise(Op op) { return IsAffine(op) || op == Op::kRelu || op == Op::kPrelu; }

}  // namespace

void Chain::AddActivation(Activation activation) {
  if (activation == Activation::kRelu) program.Relu();
  if (activation == Activation::kReluN1To1) program.Clamp(-1.0f, 1.0f);
  if (activation == Activation::kRelu6) program.Clamp(0.0f, 6.0f);
}

bool Chain::AddQuantiser(int value, int node) {
  if (const Levels* levels = bits_.LevelsOf(node)) return levels->source == value && AddLevels(*levels);
  const Quantiser quantiser = QuantiserAt(reading_, value, node);
  if (quantiser.nodes.empty() || program.room() <= kNeeded) return false;
  program.Pack(maps_.PackedMap(quantiser.packed), quantiser.rule.thresholds, quantiser.rule.flips);
  for (const int done : quantiser.nodes) reading_.MarkDone(done);
  return true;
}

bool Chain::AddLevels(const Levels& levels) {
  if (program.room() < kNeeded + OperationsOf(levels)) return false;
  const Map map = maps_.PackedMap(levels.planes[0], levels.bits);
  for (int bit = levels.bits - 1; bit >= 0; --bit) {
    const std::vector<int> ranks = RanksOf(bit, static_cast<int>(levels.planes.size()));
    for (const int rank : ranks) {
      program.Pack(map.Plane(bit), levels.thresholds[static_cast<std::size_t>(rank - 1)], levels.flips,
                   rank == ranks[0] ? Micro::kPack : Micro::kPackXor);
    }
  }
  for (const int done : levels.nodes) reading_.MarkDone(done);
  return true;
}

bool Chain::AddElementwise(int value, int node) {
  const Node& n = reading_.NodeAt(node);
  const int channels = reading_.ShapeOf(value).c;
  if (n.op == Op::kRelu) {
    AddActivation(n.activation);
  } else if (n.op == Op::kPrelu) {
    const std::vector<float> slopes = reading_.VectorOf(n.inputs[1], channels);
    if (slopes.empty()) return false;
    program.Prelu(slopes);
  } else if (IsAffine(n.op) && n.inputs[0] != n.inputs[1]) {
    const int other = n.inputs[0] == value ? n.inputs[1] : n.inputs[0];
    if (n.op == Op::kSub && n.inputs[0] != value) return false;
    std::vector<float> vector = reading_.VectorOf(other, channels);
    if (!vector.empty()) {
      NegateForSub(n.op, vector);
      n.op == Op::kMul ? program.Scale(vector) : program.Bias(vector);
    } else {
      const bool is_map = !reading_.IsConstant(other) && reading_.IsFloat(other) &&
                          reading_.ShapeOf(other) == reading_.ShapeOf(value);
      if (!is_map || !maps_.IsComputed(other)) return false;
      const Micro kind = n.op == Op::kMul ? Micro::kMulMap : n.op == Op::kAdd ? Micro::kAddMap : Micro::kSubMap;
      program.WithMap(kind, maps_.Readable(other));
      read_.push_back(other);
    }
    AddActivation(n.activation);
  } else {
    return false;
  }
  reading_.MarkDone(node);
  return true;
}

void Chain::Follow(int value) {
  while (true) {
    // Levels take the quantisers of other readers along.
    for (const int reader : std::vector<int>(reading_.Readers(value))) {
      if (!reading_.IsDone(reader)) AddQuantiser(value, reader);
    }
    if (reading_.IsSpent(value)) return;
    const std::vector<int>& readers = reading_.Readers(value);
    const bool goes_on = program.room() > kNeeded && !readers.empty();
    const bool must_store = reading_.IsOutput(value) || readers.size() > 1 || !goes_on ||
                            !IsElementwise(reading_.NodeAt(readers[0]).op);
    if (must_store) Store(value);
    const int next = goes_on ? AddNextElementwise(value) : -1;
    if (next < 0) {
      if (!must_store) Store(value);
      return;
    }
    value = reading_.NodeAt(next).outputs[0];
  }
}

int Chain::AddNextElementwise(int value) {
  for (const int reader : std::vector<int>(reading_.Readers(value))) {
    // Levels for which there is no room stay for a program of their own.
    if (bits_.LevelsOf(reader) != nullptr) continue;
    if (IsElementwise(reading_.NodeAt(reader).op) && AddElementwise(value, reader)) return reader;
  }
  return -1;
}

void Chain::Store(int value) {
  const Map part = maps_.PartOfConcat(value);
  if (part.exists()) {
    program.StorePart(part, reading_.ShapeOf(value).c);
  } else {
    // A sum may take the place of the map that was added to it: each pixel is read before it is written.
    program.Store(maps_.FloatMapInPlaceOf(read_, value));
  }
}

}  // namespace edgehybrid

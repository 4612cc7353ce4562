#include "plan/levels.h"

#include <algorithm>
#include <functional>

#include "plan/quantiser.h"

namespace edgehybrid {

namespace {

bool IsReadOnce(const Reading& reading, int value) {
  return reading.Readers(value).size() == 1 && !reading.IsOutput(value);
}

// The map that a sign may come from: what its quantiser reads, and what the constants before it read.
std::vector<int> SourcesOf(const Reading& reading, int packed) {
  const int quantiser = reading.WriterOf(packed);
  if (quantiser < 0 || reading.NodeAt(quantiser).op != Op::kQuantize) return {};
  std::vector<int> sources{reading.NodeAt(quantiser).inputs[0]};
  for (int constants = 0; constants < 2 && IsReadOnce(reading, sources.back()); ++constants) {
    const int writer = reading.WriterOf(sources.back());
    if (writer < 0 || !IsAffine(reading.NodeAt(writer).op)) break;
    sources.push_back(reading.NodeAt(writer).inputs[0]);
  }
  return sources;
}

// The quantiser of one sign, as one comparison of `source`.
Quantiser QuantiserOf(const Reading& reading, int source, int packed) {
  for (const int reader : reading.Readers(source)) {
    Quantiser quantiser = QuantiserAt(reading, source, reader);
    if (quantiser.packed == packed) return quantiser;
  }
  return {};
}

// In each channel all signs are turned round, or none: then their thresholds have an order. Signs of a channel may change
// places, because their sum is all that is read.
bool ReadSigns(const Reading& reading, int source, const std::vector<int>& planes, Levels& levels) {
  if (reading.IsConstant(source) || !reading.IsFloat(source)) return false;
  levels = Levels();
  levels.source = source;
  levels.planes = planes;
  while ((1 << levels.bits) - 1 < static_cast<int>(planes.size())) ++levels.bits;
  for (const int plane : planes) {
    const Quantiser quantiser = QuantiserOf(reading, source, plane);
    if (quantiser.nodes.empty()) return false;
    if (!levels.thresholds.empty() && quantiser.rule.flips != levels.flips) return false;
    levels.flips = quantiser.rule.flips;
    levels.thresholds.push_back(quantiser.rule.thresholds);
    levels.nodes.insert(levels.nodes.end(), quantiser.nodes.begin(), quantiser.nodes.end());
  }
  std::vector<float> column(planes.size());
  for (std::size_t c = 0; c < levels.flips.size(); ++c) {
    for (std::size_t i = 0; i < column.size(); ++i) column[i] = levels.thresholds[i][c];
    std::sort(column.begin(), column.end(), std::greater<float>());
    for (std::size_t i = 0; i < column.size(); ++i) levels.thresholds[i][c] = column[i];
  }
  return true;
}

// A factor of 1 or -1 a channel that all signs share, and that nobody else reads, is one of the comparisons as well.
void TakeInSharedFactor(const Reading& reading, Levels& levels) {
  const int writer = reading.WriterOf(levels.source);
  if (writer < 0 || reading.NodeAt(writer).op != Op::kMul || reading.IsOutput(levels.source)) return;
  const Node& node = reading.NodeAt(writer);
  const std::vector<float> factors = reading.VectorOf(node.inputs[1], reading.ShapeOf(levels.source).c);
  const auto is_one = [](float factor) { return factor == 1 || factor == -1; };
  const auto is_ours = [&](int reader) {
    return std::find(levels.nodes.begin(), levels.nodes.end(), reader) != levels.nodes.end();
  };
  const std::vector<int>& readers = reading.Readers(levels.source);
  if (factors.empty() || node.activation != Activation::kNone || reading.IsConstant(node.inputs[0]) ||
      !std::all_of(factors.begin(), factors.end(), is_one) || !std::all_of(readers.begin(), readers.end(), is_ours)) {
    return;
  }
  for (std::size_t c = 0; c < factors.size(); ++c) levels.flips[c] = levels.flips[c] != (factors[c] < 0);
  levels.source = node.inputs[0];
  levels.nodes.insert(levels.nodes.begin(), writer);
}

}  // namespace

bool ReadLevels(const Reading& reading, const std::vector<int>& planes, Levels& levels) {
  const std::vector<int> sources = SourcesOf(reading, planes[0]);
  const auto is_source = [&](int source) { return ReadSigns(reading, source, planes, levels); };
  if (!std::any_of(sources.begin(), sources.end(), is_source)) return false;
  TakeInSharedFactor(reading, levels);
  return true;
}

}  // namespace edgehybrid

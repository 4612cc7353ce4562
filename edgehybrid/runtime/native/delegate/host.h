// The host's tensors, read with every bound checked.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "delegate/tflite_abi.h"
#include "graph/graph.h"

namespace edgehybrid {

// Why a node stays with the host, or why a model cannot run: a clause for the user.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Elements of the largest tensor: offsets in bytes fit an int32, and a damaged shape cannot ask for all memory.
constexpr std::int64_t kMostElements = std::int64_t{1} << 28;

// Compares a registration with what is possible, as CheckLayout does tensors.
void RequireKnownLayout(const tflite::Registration& registration);

class HostTensors {
 public:
  explicit HostTensors(const tflite::Context& context) : context_(context) {}

  // Compares what every tensor says with what is possible. Throws Refused where the host's structures are laid out
  // otherwise than ours.
  void CheckLayout() const;

  // Throws Refused for an index beyond the list.
  const tflite::Tensor& At(int index) const;

  // Dimensions, each at least 1, their product at most kMostElements.
  std::vector<int> Dims(int index) const;
  bool IsConstant(int index) const { return At(index).allocation_type == tflite::kMmapRo; }

  // A constant of `type` with as many bytes as its dimensions say. Its shape is left to the caller.
  Value Constant(int index, Type type) const;
  // A tensor that is computed, of two to four dimensions: (batch, [[height,] width,] channels). The channels of a
  // packed one are those of its words.
  Value Map(int index, Type type) const;
  // A tensor of int16 or int32 that is computed, as the map of float32 that stands for it in a plan.
  Value WholeNumbers(int index) const;

  // "'name'", for messages.
  std::string NameOf(int index) const;

 private:
  // Throws Refused for a constant or a variable.
  void RequireComputed(int index) const;

  const tflite::Context& context_;
};

// Empty for a null pointer.
std::vector<int> ListOf(const tflite::IntArray* array);

// Shape of a map with these dimensions.
Shape MapShape(const std::vector<int>& dims);

std::string TextOf(const std::vector<int>& dims);

}  // namespace edgehybrid

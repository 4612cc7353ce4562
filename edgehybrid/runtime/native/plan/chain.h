// What follows a value while it is in registers: the elementwise nodes, stores and quantisers that become one program.
#pragma once

#include <vector>

#include "plan/bit_planes.h"
#include "plan/maps.h"
#include "plan/program.h"
#include "plan/reading.h"

namespace edgehybrid {

class Chain {
 public:
  Chain(Reading& reading, Maps& maps, const BitPlanes& bits) : reading_(reading), maps_(maps), bits_(bits) {}

  Program program;

  void AddActivation(Activation activation);
  // One elementwise node, or a quantiser with the constants before it, that reads `value`; false, and nothing done,
  // where it cannot be part of a program.
  bool AddElementwise(int value, int node);
  bool AddQuantiser(int value, int node);
  // All that can follow `value`, and the stores of what others read.
  void Follow(int value);

  // Maps that the program reads.
  const std::vector<int>& read() const { return read_; }

 private:
  bool AddLevels(const Levels& levels);
  int AddNextElementwise(int value);
  void Store(int value);

  Reading& reading_;
  Maps& maps_;
  const BitPlanes& bits_;
  std::vector<int> read_;
};

}  // namespace edgehybrid

// Which memory holds each value, in which layout: the maps that kernels read and write, and the flatbuffer's dense form
// where the host or the reference reads.
#pragma once

#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "plan/compiled_plan.h"
#include "plan/reading.h"

namespace edgehybrid {

class Maps {
 public:
  Maps(const Reading& reading, CompiledPlan& plan);

  bool IsComputed(int value) const { return At(maps_, value).exists() || At(dense_, value).exists(); }

  // Where a step writes a value: float with whole groups of channels a pixel, or planes of packed bits.
  Map& FloatMap(int value);
  Map& PackedMap(int value, int planes = 1);
  // The same, in the place of a map that was read at the same pixels and that nobody reads any more, if there is one.
  Map& FloatMapInPlaceOf(const std::vector<int>& read, int value);
  // Where a value lies that only a concatenation reads; none where that does not hold.
  Map PartOfConcat(int value);
  bool IsPlaced(int value) const { return placed_.count(value) != 0; }
  // Where the first channels of a joined value lie, which are added to the rest; and when they are read no more.
  const Map& PartOfSum(int value, int channels);
  void ReleasePart(int value);

  // Where a kernel reads a value. One that has only its dense form is copied by a step.
  const Map& Readable(int value);
  // Slot of the dense form; a value that has none is copied by a step.
  int DenseSlot(int value);
  // The dense form itself; and that of a value which is written there.
  const Map& Dense(int value);
  const Map& NewDense(int value);
  // Where the reference writes a value.
  int NewDenseSlot(int value) { return NewDense(value).slot; }
  // The same numbers in the same order, under another shape.
  void Alias(int value, int of);
  // Copies what leaves the region to the host's tensors.
  void WriteOutputs();

  // Gives the memory back where nobody reads the value any more.
  void Release(int value);

  static std::int64_t DenseBytes(const Value& value);

 private:
  // Memory of a map that is no longer read is used again, by maps of the same form only: what nobody writes of it, its
  // border and the channels behind the last group, stays 0.
  using Form = std::tuple<int, int, int, std::ptrdiff_t, int, int, int, int, int>;

  static const Map& At(const std::vector<Map>& maps, int value) { return maps[static_cast<std::size_t>(value)]; }
  static Map& At(std::vector<Map>& maps, int value) { return maps[static_cast<std::size_t>(value)]; }
  Form FormOf(int value, const Map& map) const;
  Map& NewMap(int value, std::ptrdiff_t pixel_bytes, int planes = 1);
  Map DenseMap(int value, int slot) const;
  bool IsKept(const Map& map) const { return kept_.count(map.slot) != 0; }
  bool ConvolutionsAloneRead(int value) const;
  int CommonBytes(int value) const;

  const Reading& reading_;
  CompiledPlan& plan_;
  std::vector<Map> maps_, dense_;
  std::vector<int> output_slots_;
  std::set<int> placed_;
  // Slots of the host, and of dense forms: not given back.
  std::set<int> kept_;
  std::map<Form, std::vector<int>> free_, free_parts_;
  std::map<int, Map> parts_;
};

}  // namespace edgehybrid

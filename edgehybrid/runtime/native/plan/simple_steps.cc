#include "plan/simple_steps.h"

#include <cstring>
#include <utility>

#include "base/buffer.h"

namespace edgehybrid {

namespace {

class MapStep final : public Step {
 public:
  MapStep(const Map& input, Program program) : input_(input), program_(std::move(program)) {}
  int units() const override { return input_.h; }
  void ListAccesses(int first, int last, Accesses& accesses) const override {
    AddRead(accesses, input_, first, last);
    program_.ListAccesses(first, last, accesses);
  }
  void Run(Slots slots, std::uint8_t*, int first, int last) const override {
    const int groups = static_cast<int>(RoundUp(static_cast<std::size_t>(input_.c), kLanes)) / kLanes;
    for (int y = first; y < last; ++y) {
      program_.Run(slots, input_.At(slots, y, 0), input_.pixel_bytes / static_cast<std::ptrdiff_t>(sizeof(float)), y, 1,
                   input_.w, 0, groups);
    }
  }

 private:
  Map input_;
  Program program_;
};

class CopyStep final : public Step {
 public:
  CopyStep(const Map& from, const Map& to, int bytes) : from_(from), to_(to), bytes_(static_cast<std::size_t>(bytes)) {}
  int units() const override { return from_.h; }
  void ListAccesses(int first, int last, Accesses& accesses) const override {
    AddRead(accesses, from_, first, last);
    AddWrite(accesses, to_, first, last);
  }
  void Run(Slots slots, std::uint8_t*, int first, int last) const override {
    const bool is_dense = from_.pixel_bytes == to_.pixel_bytes && from_.pixel_bytes == std::ptrdiff_t(bytes_);
    for (int y = first; y < last; ++y) {
      if (is_dense) {
        std::memcpy(to_.At(slots, y, 0), from_.At(slots, y, 0), bytes_ * static_cast<std::size_t>(from_.w));
        continue;
      }
      for (int x = 0; x < from_.w; ++x) std::memcpy(to_.At(slots, y, x), from_.At(slots, y, x), bytes_);
    }
  }

 private:
  Map from_, to_;
  std::size_t bytes_;
};

class PackedPoolStep final : public Step {
 public:
  PackedPoolStep(const Window& window, const Map& from, const Map& to) : window_(window), from_(from), to_(to) {}
  int units() const override { return window_.out_h; }
  void ListAccesses(int first, int last, Accesses& accesses) const override {
    AddRead(accesses, from_, window_.FirstRow(first), window_.RowBehind(last - 1));
    AddWrite(accesses, to_, first, last);
  }
  void Run(Slots slots, std::uint8_t*, int first, int last) const override {
    for (int y = first; y < last; ++y) {
      for (int x = 0; x < window_.out_w; ++x) Pool(slots, y, x);
    }
  }

 private:
  void Pool(Slots slots, int y, int x) const {
    std::uint8_t* out = to_.At(slots, y, x);
    std::memset(out, 0xff, static_cast<std::size_t>(to_.pixel_bytes));
    window_.ForPlacesInside(y, x, [&](int, int row, int column) {
      const std::uint8_t* in = from_.At(slots, row, column);
      for (std::ptrdiff_t i = 0; i < to_.pixel_bytes; ++i) out[i] &= in[i];
    });
  }

  Window window_;
  Map from_, to_;
};

}  // namespace

std::unique_ptr<Step> MakeMapStep(const Map& input, Program program) {
  return std::make_unique<MapStep>(input, std::move(program));
}
std::unique_ptr<Step> MakeCopyStep(const Map& from, const Map& to, int bytes) {
  return std::make_unique<CopyStep>(from, to, bytes);
}
std::unique_ptr<Step> MakePackedPoolStep(const Window& window, const Map& from, const Map& to) {
  return std::make_unique<PackedPoolStep>(window, from, to);
}

}  // namespace edgehybrid

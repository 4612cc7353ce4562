#include "plan/narrow_step.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "plan/strip.h"

namespace edgehybrid {

namespace {

constexpr std::size_t kPlaces = 9;
// Halved words of two places that do not lie side by side, and the last, which has one place alone.
constexpr std::size_t kJoinedWords[] = {1, 4};

bool IsHalved(const BconvShape& shape) { return shape.channels_in <= kNarrowChannels; }

class NarrowStep final : public Step {
 public:
  NarrowStep(const Kernels& kernels, NarrowKernel kernel, const BconvShape& shape, const BconvBits& bits,
             const Map& input, Program program, int threads)
      : kernels_(kernels), kernel_(kernel), window_(shape.window), input_(input), program_(std::move(program)),
        is_halved_(IsHalved(shape)),
        // Of a pixel, its joined words alone wait in memory.
        rows_a_strip_(RowsOfStrip(kernels_.isa, window_, std::size(kJoinedWords), threads)) {
    for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(kPlaces); ++i) {
      places_[i] = static_cast<std::int32_t>(i / 3 * window_.dilation_h * input_.row_bytes + i % 3 * input_.pixel_bytes);
    }
    PackWeights(bits.filters[0], static_cast<std::size_t>(shape.channels_out));
  }

  int units() const override { return (window_.out_h + rows_a_strip_ - 1) / rows_a_strip_; }

  std::size_t scratch_bytes() const override {
    return is_halved_ ? std::size(kJoinedWords) * JoinedPixels() * 4 + kSlack : 0;
  }

  void ListAccesses(int first, int last, Accesses& accesses) const override {
    const int first_row = first * rows_a_strip_, last_row = std::min(last * rows_a_strip_, window_.out_h);
    AddRead(accesses, input_, window_.FirstRow(first_row), window_.RowBehind(last_row - 1), kBehindRow);
    program_.ListAccesses(first_row, last_row, accesses);
  }

  void Run(Slots slots, std::uint8_t* scratch, int first, int last) const override {
    for (int strip = first; strip < last; ++strip) RunStrip(slots, scratch, strip);
  }

 private:
  // Of a strip, with room for the last vector.
  std::size_t JoinedPixels() const {
    return RoundUp(static_cast<std::size_t>(rows_a_strip_ * window_.out_w), kLanes);
  }

  void PackWeights(const std::int32_t* filter, std::size_t channels_out) {
    const std::size_t padded = RoundUp(channels_out, kLanes);
    groups_ = static_cast<int>(padded) / kLanes;
    const std::size_t words = is_halved_ ? kHalvedWords : kWholeWords, places_a_word = is_halved_ ? 2 : 1;
    weights_ = Buffer(padded * words * sizeof(std::uint32_t));
    for (std::size_t o = 0; o < channels_out; ++o) {
      std::uint32_t* lane = weights_.as<std::uint32_t>() + o / kLanes * words * kLanes + o % kLanes;
      for (std::size_t i = 0; i < kPlaces; ++i) {
        lane[i / places_a_word * kLanes] |= static_cast<std::uint32_t>(filter[o * kPlaces + i]) << i % places_a_word * 16;
      }
    }
  }

  void RunStrip(Slots slots, std::uint8_t* scratch, int strip) const {
    const Window& w = window_;
    const int first_row = strip * rows_a_strip_, rows = std::min(rows_a_strip_, w.out_h - first_row);
    NarrowStrip call{};
    call.input = input_.At(slots, w.Row(first_row, 0), w.Column(0, 0));
    call.row = w.stride_h * input_.row_bytes;
    call.step = w.stride_w * input_.pixel_bytes;
    call.offsets[0] = places_[0];
    call.offsets[1] = places_[is_halved_ ? 4 : 3];
    call.offsets[2] = places_[6];
    call.weights = weights_.as<std::uint32_t>();
    if (is_halved_) Join(call, reinterpret_cast<std::uint32_t*>(scratch), rows);
    program_.Run(slots, kernel_, call, first_row, rows, w.out_w, groups_);
  }

  void Join(NarrowStrip& call, std::uint32_t* words, int rows) const {
    for (std::size_t i = 0; i < std::size(kJoinedWords); ++i, words += JoinedPixels()) {
      const std::size_t place = 2 * kJoinedWords[i];
      const std::uint8_t* high = place + 1 < kPlaces ? call.input + places_[place + 1] : nullptr;
      kernels_.join(JoinStrip{call.input + places_[place], high, call.row, window_.stride_w, rows, window_.out_w, words});
      call.joined[i] = words;
    }
  }

  const Kernels& kernels_;
  NarrowKernel kernel_;
  Window window_;
  Map input_;
  Program program_;
  bool is_halved_;
  int rows_a_strip_, groups_ = 0;
  std::int32_t places_[kPlaces] = {};
  Buffer weights_;
};

}  // namespace

NarrowKernel NarrowKernelOf(const BconvShape& shape, const BconvBits& bits, const Program& program) {
  const Window& w = shape.window;
  const bool fits = shape.groups == 1 && shape.channels_in <= 32 && w.kernel_h == 3 && w.kernel_w == 3 &&
                    w.dilation_w == 1 && w.stride_w <= 2 && bits.IsOne() && !SumsAreDoubled(shape);
  return fits ? program.Narrow(IsHalved(shape) ? kHalvedWords : kWholeWords) : nullptr;
}

std::unique_ptr<Step> MakeNarrowStep(const Kernels& kernels, NarrowKernel kernel, const BconvShape& shape,
                                     const BconvBits& bits, const Map& input, Program program, int threads) {
  return std::make_unique<NarrowStep>(kernels, kernel, shape, bits, input, std::move(program), threads);
}

}  // namespace edgehybrid

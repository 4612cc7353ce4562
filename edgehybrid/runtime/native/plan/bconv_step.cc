#include "plan/bconv_step.h"

#include <algorithm>
#include <utility>

#include "kernels/bconv2d/bits.h"
#include "plan/narrow_step.h"
#include "plan/strip.h"

namespace edgehybrid {

namespace {

// Groups of 16 output channels whose weights are used together; with the sums of a strip they stay in the first cache.
constexpr int kBlockGroups = 4;

std::ptrdiff_t WordsOf(int channels) { return (channels + 31) / 32; }

class BconvStep final : public Step {
 public:
  BconvStep(const Kernels& kernels, const BconvShape& shape, const BconvBits& bits, const Map& input, Program program,
            int threads)
      : kernels_(kernels), shape_(shape), input_(input), program_(std::move(program)), planes_(bits.planes),
        filters_(static_cast<int>(bits.filters.size())), passes_(PassesOf(bits.planes, bits.exponents)) {
    const Window& w = shape_.window;
    is_narrow_ = shape_.channels_in <= kNarrowChannels;
    // Output channels of a group of the convolution need not fill vectors: then all are summed before any is used.
    out_a_group_ = shape_.channels_out / shape_.groups;
    groups_ = static_cast<int>(RoundUp(static_cast<std::size_t>(shape_.channels_out), kLanes)) / kLanes;
    block_groups_ = shape_.groups == 1 ? std::min(kBlockGroups, groups_) : groups_;
    // A group of the convolution that does not fill its last vector writes behind its last channel.
    const bool spills = shape_.groups > 1 && out_a_group_ % kLanes != 0;
    stride_ = std::ptrdiff_t{block_groups_ + spills} * kLanes;
    rows_a_strip_ = RowsOfStrip(kernels_.isa, w, stride_, threads);
    SplitTaps();
    for (int f = 0; f < filters_; ++f) PackWeights(bits.filters[static_cast<std::size_t>(f)], f);
    if (SumsAreDoubled(shape_)) FindCorrections(bits);
    const int strips = (w.out_h + rows_a_strip_ - 1) / rows_a_strip_;
    by_blocks_ = threads > 1 && strips < 2 * threads && blocks() >= strips;
    units_ = by_blocks_ ? blocks() : strips;
  }

  int units() const override { return units_; }

  std::size_t scratch_bytes() const override {
    const std::size_t pixels = static_cast<std::size_t>(rows_a_strip_) * static_cast<std::size_t>(shape_.window.out_w);
    const std::size_t sums = pixels * static_cast<std::size_t>(stride_) * sizeof(std::int32_t);
    const std::size_t words = is_narrow_ ? (pixels + kLanes) * word_offsets_.size() * 4 + kSlack : 0;
    return RoundUp(sums + kSlack, kCacheLine) + words;
  }

  void ListAccesses(int first, int last, Accesses& accesses) const override {
    const int first_row = by_blocks_ ? 0 : first * rows_a_strip_;
    const int last_row = by_blocks_ ? shape_.window.out_h : std::min(last * rows_a_strip_, shape_.window.out_h);
    AddReadOfPlanes(accesses, input_, shape_.window.FirstRow(first_row), shape_.window.RowBehind(last_row - 1),
                    is_narrow_ ? kBehindRow : 0);
    program_.ListAccesses(first_row, last_row, accesses);
  }

  void Run(Slots slots, std::uint8_t* scratch, int first, int last) const override {
    const int strips = (shape_.window.out_h + rows_a_strip_ - 1) / rows_a_strip_;
    const int first_block = by_blocks_ ? first : 0, last_block = by_blocks_ ? last : blocks();
    const int first_strip = by_blocks_ ? 0 : first, last_strip = by_blocks_ ? strips : last;
    for (int block = first_block; block < last_block; ++block) {
      for (int strip = first_strip; strip < last_strip; ++strip) RunStrip(slots, scratch, block, strip);
    }
  }

 private:
  int blocks() const { return (groups_ + block_groups_ - 1) / block_groups_; }

  // Which taps make up each word, and where they lie.
  void SplitTaps() {
    const Window& w = shape_.window;
    const std::ptrdiff_t row = input_.row_bytes, pixel = input_.pixel_bytes;
    for (int ky = 0; ky < w.kernel_h; ++ky) {
      for (int kx = 0; kx < w.kernel_w; ++kx) {
        taps_.push_back(static_cast<std::int32_t>(ky * w.dilation_h * row + kx * w.dilation_w * pixel));
      }
    }
    if (is_narrow_) {
      word_count_ = (taps_.size() + 1) / 2;
    } else {
      words_a_tap_ = WordsOf(shape_.channels_a_group());
      word_count_ = taps_.size() * static_cast<std::size_t>(words_a_tap_);
      for (int plane = 0; plane < planes_; ++plane) {
        const auto first = static_cast<std::int32_t>(plane * input_.plane_bytes);
        for (const std::int32_t tap : taps_) {
          for (int i = 0; i < words_a_tap_; ++i) word_offsets_.push_back(first + tap + 4 * i);
        }
      }
    }
    for (int y = 0; y < w.out_h; ++y) {
      for (int x = 0; x < w.out_w; ++x) {
        pixel_offsets_.push_back(static_cast<std::int32_t>(w.Row(y, 0) * row + w.Column(x, 0) * pixel));
      }
    }
    if (is_narrow_) {
      for (int p = 0; p < rows_a_strip_ * w.out_w; ++p) strip_offsets_.push_back(4 * p);
      const int words = planes_ * static_cast<int>(word_count_);
      for (int i = 0; i < words; ++i) word_offsets_.push_back(i * 4 * JoinedPixels());
    }
  }

  // Joined words of a strip, with room for the last vector.
  int JoinedPixels() const {
    return static_cast<int>(RoundUp(static_cast<std::size_t>(rows_a_strip_ * shape_.window.out_w), kLanes));
  }

  void PackWeights(const std::int32_t* filter, int number) {
    const std::size_t padded = RoundUp(static_cast<std::size_t>(out_a_group_), kLanes);
    const std::size_t filters = static_cast<std::size_t>(filters_), vectors = filters * word_count_;
    group_size_ = padded * vectors;
    if (number == 0) weights_ = Buffer(group_size_ * static_cast<std::size_t>(shape_.groups) * sizeof(std::uint32_t));
    const std::size_t source_words = taps_.size() * static_cast<std::size_t>(is_narrow_ ? 1 : words_a_tap_);
    for (int o = 0; o < shape_.channels_out; ++o) {
      const std::size_t in_group = static_cast<std::size_t>(o % out_a_group_);
      std::uint32_t* place = weights_.as<std::uint32_t>() + static_cast<std::size_t>(o / out_a_group_) * group_size_ +
                             (in_group / kLanes * vectors + static_cast<std::size_t>(number) * word_count_) * kLanes +
                             in_group % kLanes;
      const std::int32_t* source = filter + static_cast<std::size_t>(o) * source_words;
      for (std::size_t i = 0; i < word_count_; ++i) {
        std::uint32_t word = static_cast<std::uint32_t>(source[is_narrow_ ? 2 * i : i]);
        if (is_narrow_ && 2 * i + 1 < taps_.size()) word |= static_cast<std::uint32_t>(source[2 * i + 1]) << 16;
        place[i * kLanes] = word;
      }
    }
  }

  // corrections_[row class][column class][channel]: windows that lack the same places share one.
  void FindCorrections(const BconvBits& bits) {
    const Window& w = shape_.window;
    row_class_ = Classes(w.out_h, w.kernel_h, [&w](int y, int ky) { return w.Row(y, ky) >= 0 && w.Row(y, ky) < w.in_h; });
    column_class_ =
        Classes(w.out_w, w.kernel_w, [&w](int x, int kx) { return w.Column(x, kx) >= 0 && w.Column(x, kx) < w.in_w; });
    columns_ = 1 + *std::max_element(column_class_.begin(), column_class_.end());
    const int rows = 1 + *std::max_element(row_class_.begin(), row_class_.end());
    corrections_.assign(static_cast<std::size_t>(rows * columns_ * shape_.channels_out), 0);
    for (int y = 0; y < w.out_h; ++y) {
      for (int x = 0; x < w.out_w; ++x) {
        std::int32_t* place = Correction(y, x);
        if (IsWhole(y, x) || place[0] != 0) continue;
        for (int o = 0; o < shape_.channels_out; ++o) {
          std::int32_t lacking = 0;
          for (int ky = 0; ky < w.kernel_h; ++ky) {
            for (int kx = 0; kx < w.kernel_w; ++kx) {
              const bool is_inside = w.Row(y, ky) >= 0 && w.Row(y, ky) < w.in_h && w.Column(x, kx) >= 0 &&
                                     w.Column(x, kx) < w.in_w;
              if (is_inside) continue;
              lacking += LackingAt((std::ptrdiff_t{o} * w.kernel_h + ky) * w.kernel_w + kx, bits);
            }
          }
          place[o] = lacking;
        }
      }
    }
  }

  // Of one tap of one output channel.
  std::int32_t LackingAt(std::ptrdiff_t tap, const BconvBits& bits) const {
    const std::ptrdiff_t words = WordsOf(shape_.channels_a_group());
    std::int32_t sum = 0;
    for (std::size_t f = 0; f < bits.filters.size(); ++f) {
      std::int32_t lacking = shape_.channels_a_group();
      for (std::ptrdiff_t i = 0; i < words; ++i) {
        lacking -= 2 * __builtin_popcount(static_cast<std::uint32_t>(bits.filters[f][tap * words + i]));
      }
      sum += lacking * (((1 << planes_) - 1) << bits.exponents[f]);
    }
    return sum;
  }

  template <typename Inside>
  static std::vector<int> Classes(int size, int taps, Inside is_inside) {
    std::vector<std::vector<bool>> seen{std::vector<bool>(static_cast<std::size_t>(taps), true)};
    std::vector<int> classes;
    for (int i = 0; i < size; ++i) {
      std::vector<bool> inside;
      for (int t = 0; t < taps; ++t) inside.push_back(is_inside(i, t));
      const auto found = std::find(seen.begin(), seen.end(), inside);
      classes.push_back(static_cast<int>(found - seen.begin()));
      if (found == seen.end()) seen.push_back(inside);
    }
    return classes;
  }

  bool IsWhole(int y, int x) const {
    return row_class_[static_cast<std::size_t>(y)] == 0 && column_class_[static_cast<std::size_t>(x)] == 0;
  }
  const std::int32_t* Correction(int y, int x) const {
    const int found = row_class_[static_cast<std::size_t>(y)] * columns_ + column_class_[static_cast<std::size_t>(x)];
    return corrections_.data() + std::ptrdiff_t{found} * shape_.channels_out;
  }
  std::int32_t* Correction(int y, int x) {
    return const_cast<std::int32_t*>(std::as_const(*this).Correction(y, x));
  }

  void RunStrip(Slots slots, std::uint8_t* scratch, int block, int strip) const {
    const Window& w = shape_.window;
    const int first_row = strip * rows_a_strip_, rows = std::min(rows_a_strip_, w.out_h - first_row);
    const int first_group = block * block_groups_, groups = std::min(block_groups_, groups_ - first_group);
    auto* sums = reinterpret_cast<std::int32_t*>(scratch);
    const std::int32_t* offsets = pixel_offsets_.data() + std::ptrdiff_t{first_row} * w.out_w;
    BconvStrip call{input_.At(slots, 0, 0), offsets, rows * w.out_w, word_offsets_.data(),
                    static_cast<int>(word_count_), weights_.as<std::uint32_t>(), filters_, groups, passes_.data(),
                    static_cast<int>(passes_.size()), sums, stride_};
    if (is_narrow_) {
      std::uint8_t* words = scratch + RoundUp(static_cast<std::size_t>(rows_a_strip_ * w.out_w) *
                                                  static_cast<std::size_t>(stride_) * 4 + kSlack, kCacheLine);
      for (int plane = 0; plane < planes_; ++plane) {
        JoinTaps(call.input + plane * input_.plane_bytes, offsets, rows,
                 reinterpret_cast<std::uint32_t*>(words) +
                     static_cast<std::size_t>(plane) * word_count_ * static_cast<std::size_t>(JoinedPixels()));
      }
      call.input = words;
      call.pixel_offsets = strip_offsets_.data();
    }
    if (shape_.groups == 1) {
      call.weights += static_cast<std::size_t>(filters_ * first_group) * word_count_ * kLanes;
      kernels_.bconv(call);
    } else {
      call.groups = static_cast<int>(RoundUp(static_cast<std::size_t>(out_a_group_), kLanes)) / kLanes;
      // The lanes behind a group's last channel are overwritten by the next group's first.
      for (int g = 0; g < shape_.groups; ++g) {
        kernels_.bconv(call);
        call.input += 4 * words_a_tap_;
        call.weights += group_size_;
        call.sums += out_a_group_;
      }
    }
    if (!corrections_.empty()) Correct(sums, first_row, rows, first_group);
    program_.Run(slots, sums, stride_, first_row, rows, w.out_w, first_group, groups);
  }

  void JoinTaps(const std::uint8_t* input, const std::int32_t* offsets, int rows, std::uint32_t* words) const {
    const Window& w = shape_.window;
    for (std::size_t i = 0; i < word_count_; ++i) {
      const bool has_high = 2 * i + 1 < taps_.size();
      const std::uint8_t *low = input + offsets[0] + taps_[2 * i], *high = has_high ? input + offsets[0] + taps_[2 * i + 1] : nullptr;
      std::uint32_t* joined = words + i * static_cast<std::size_t>(JoinedPixels());
      if (w.stride_w <= 2) {
        kernels_.join(JoinStrip{low, high, w.stride_h * input_.row_bytes, w.stride_w, rows, w.out_w, joined});
        continue;
      }
      for (int p = 0; p < rows * w.out_w; ++p) {
        std::uint16_t halves[2] = {0, 0};
        std::memcpy(&halves[0], low + offsets[p] - offsets[0], 2);
        if (has_high) std::memcpy(&halves[1], high + offsets[p] - offsets[0], 2);
        joined[p] = halves[0] | std::uint32_t{halves[1]} << 16;
      }
    }
  }

  void Correct(std::int32_t* sums, int first_row, int rows, int first_group) const {
    const int first = first_group * kLanes, last = std::min(shape_.channels_out, first + block_groups_ * kLanes);
    for (int r = 0; r < rows; ++r) {
      for (int x = 0; x < shape_.window.out_w; ++x, sums += stride_) {
        for (int c = 0; c < last - first; ++c) sums[c] *= 2;
        if (IsWhole(first_row + r, x)) continue;
        const std::int32_t* correction = Correction(first_row + r, x);
        for (int c = first; c < last; ++c) sums[c - first] += correction[c];
      }
    }
  }

  const Kernels& kernels_;
  BconvShape shape_;
  Map input_;
  Program program_;
  int planes_, filters_;
  std::vector<BconvPass> passes_;
  bool is_narrow_ = false, by_blocks_ = false;
  int rows_a_strip_ = 1, out_a_group_ = 0, groups_ = 0, block_groups_ = 0, units_ = 0, columns_ = 1;
  std::ptrdiff_t stride_ = 0, words_a_tap_ = 0;
  std::size_t word_count_ = 0, group_size_ = 0;
  std::vector<std::int32_t> taps_, word_offsets_, pixel_offsets_, strip_offsets_, corrections_;
  std::vector<int> row_class_, column_class_;
  Buffer weights_;
};

}  // namespace

std::unique_ptr<Step> MakeBconvStep(const Kernels& kernels, const BconvShape& shape, const BconvBits& bits,
                                    const Map& input, Program program, int threads) {
  if (const NarrowKernel kernel = NarrowKernelOf(shape, bits, program); kernel != nullptr) {
    return MakeNarrowStep(kernels, kernel, shape, bits, input, std::move(program), threads);
  }
  return std::make_unique<BconvStep>(kernels, shape, bits, input, std::move(program), threads);
}

}  // namespace edgehybrid

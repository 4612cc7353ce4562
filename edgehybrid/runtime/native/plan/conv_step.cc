#include "plan/conv_step.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "plan/strip.h"

namespace edgehybrid {

namespace {

// Groups of 16 output channels whose weights are used together.
constexpr int kBlockGroups = 4;

class ConvStep final : public Step {
 public:
  ConvStep(const Kernels& kernels, const Window& window, int channels_in, int channels_out, const float* filter,
           const float* bias, bool in_parts, const Map& input, Program program, int threads)
      : kernels_(kernels), window_(window), in_(channels_in), out_(channels_out), input_(input),
        program_(std::move(program)), is_dot_(in_parts) {
    groups_ = static_cast<int>(RoundUp(static_cast<std::size_t>(out_), kLanes)) / kLanes;
    block_groups_ = is_dot_ ? groups_ : std::min(kBlockGroups, groups_);
    stride_ = std::ptrdiff_t{block_groups_} * kLanes;
    rows_a_strip_ = RowsOfStrip(kernels_.isa, window_, stride_, threads);
    by_blocks_ = threads > 1 && strips() < 2 * threads && blocks() >= strips();
    bias_ = Buffer(static_cast<std::size_t>(groups_) * kLanes * sizeof(float));
    if (bias != nullptr) std::copy(bias, bias + out_, bias_.as<float>());
    for (int y = 0; y < window_.out_h; ++y) {
      for (int x = 0; x < window_.out_w; ++x) {
        pixel_offsets_.push_back(static_cast<std::int32_t>(window_.Row(y, 0) * RowFloats() +
                                                           window_.Column(x, 0) * PixelFloats()));
      }
    }
    is_dot_ ? PackForDot(filter) : PackForConv(filter);
    if (!is_dot_) WriteToMap();
  }

  int units() const override { return by_blocks_ ? blocks() : strips(); }
  std::size_t scratch_bytes() const override {
    return static_cast<std::size_t>(rows_a_strip_ * window_.out_w) * static_cast<std::size_t>(stride_) * sizeof(float) +
           kSlack;
  }

  void ListAccesses(int first, int last, Accesses& accesses) const override {
    const int first_row = by_blocks_ ? 0 : first * rows_a_strip_;
    const int last_row = by_blocks_ ? window_.out_h : std::min(last * rows_a_strip_, window_.out_h);
    AddRead(accesses, input_, window_.FirstRow(first_row), window_.RowBehind(last_row - 1));
    if (map_.exists()) AddWrite(accesses, map_, first_row, last_row);
    program_.ListAccesses(first_row, last_row, accesses);
  }

  void Run(Slots slots, std::uint8_t* scratch, int first, int last) const override {
    const int first_block = by_blocks_ ? first : 0, last_block = by_blocks_ ? last : blocks();
    const int first_strip = by_blocks_ ? 0 : first, last_strip = by_blocks_ ? strips() : last;
    for (int block = first_block; block < last_block; ++block) {
      for (int s = first_strip; s < last_strip; ++s) RunStrip(slots, reinterpret_cast<float*>(scratch), block, s);
    }
  }

 private:
  int strips() const { return (window_.out_h + rows_a_strip_ - 1) / rows_a_strip_; }
  int blocks() const { return (groups_ + block_groups_ - 1) / block_groups_; }
  std::ptrdiff_t RowFloats() const { return input_.row_bytes / static_cast<std::ptrdiff_t>(sizeof(float)); }
  std::ptrdiff_t PixelFloats() const { return input_.pixel_bytes / static_cast<std::ptrdiff_t>(sizeof(float)); }

  void PackForConv(const float* filter) {
    for (int ky = 0; ky < window_.kernel_h; ++ky) {
      for (int kx = 0; kx < window_.kernel_w; ++kx) {
        for (int i = 0; i < in_; ++i) {
          offsets_.push_back(static_cast<std::int32_t>(ky * window_.dilation_h * RowFloats() +
                                                       kx * window_.dilation_w * PixelFloats() + i));
        }
      }
    }
    const std::size_t inputs = offsets_.size();
    weights_ = Buffer(static_cast<std::size_t>(groups_) * inputs * kLanes * sizeof(float));
    for (std::size_t o = 0; o < static_cast<std::size_t>(out_); ++o) {
      float* place = weights_.as<float>() + o / kLanes * inputs * kLanes + o % kLanes;
      for (std::size_t i = 0; i < inputs; ++i) place[i * kLanes] = filter[o * inputs + i];
    }
  }

  // Sums that the program only copies are computed where the copy would go.
  void WriteToMap() {
    const Map* map = program_.StoresStrip();
    if (map == nullptr || block_groups_ != groups_ || map->row_bytes != map->pixel_bytes * map->w) return;
    map_ = *map;
    stride_ = map_.pixel_bytes / static_cast<std::ptrdiff_t>(sizeof(float));
    program_.DropStripStore();
    program_.Finish(kernels_, false);
  }

  // A pixel of the map is whole vectors.
  void PackForDot(const float* filter) {
    const std::size_t tap = static_cast<std::size_t>(PixelFloats());
    for (int ky = 0; ky < window_.kernel_h; ++ky) {
      for (int kx = 0; kx < window_.kernel_w; ++kx) {
        for (std::size_t i = 0; i < tap; i += kLanes) {
          offsets_.push_back(static_cast<std::int32_t>(ky * window_.dilation_h * RowFloats() +
                                                       kx * window_.dilation_w * PixelFloats()) +
                             static_cast<std::int32_t>(i));
        }
      }
    }
    const std::size_t taps = static_cast<std::size_t>(window_.kernel_h * window_.kernel_w);
    weights_ = Buffer(static_cast<std::size_t>(out_) * taps * tap * sizeof(float));
    float* place = weights_.as<float>();
    for (std::size_t t = 0; t < static_cast<std::size_t>(out_) * taps; ++t, place += tap) {
      std::copy_n(filter + t * static_cast<std::size_t>(in_), in_, place);
    }
  }

  void RunStrip(Slots slots, float* sums, int block, int strip) const {
    const int y = strip * rows_a_strip_, rows = std::min(rows_a_strip_, window_.out_h - y), count = rows * window_.out_w;
    const int first_group = block * block_groups_, groups = std::min(block_groups_, groups_ - first_group);
    const auto* input = reinterpret_cast<const float*>(input_.At(slots, 0, 0));
    const std::int32_t* pixels = pixel_offsets_.data() + std::ptrdiff_t{y} * window_.out_w;
    if (is_dot_) {
      DotStrip call{input, pixels, count, offsets_.data(), static_cast<int>(offsets_.size()), weights_.as<float>(),
                    bias_.as<float>(), out_, sums, stride_};
      if (const Map* map = program_.CopiesTo(); map != nullptr && map->row_bytes == map->pixel_bytes * map->w) {
        call.sums = reinterpret_cast<float*>(map->At(slots, y, 0));
        call.stride = map->pixel_bytes / static_cast<std::ptrdiff_t>(sizeof(float));
        return kernels_.dot(call);
      }
      std::fill_n(sums, count * stride_, 0.0f);
      kernels_.dot(call);
    } else {
      if (map_.exists()) sums = reinterpret_cast<float*>(map_.At(slots, y, 0));
      kernels_.conv(ConvStrip{input, pixels, count, offsets_.data(), static_cast<int>(offsets_.size()),
                              weights_.as<float>() + static_cast<std::size_t>(first_group) * offsets_.size() * kLanes,
                              bias_.as<float>() + first_group * kLanes, groups, sums, stride_});
    }
    if (!program_.is_empty()) program_.Run(slots, sums, stride_, y, rows, window_.out_w, first_group, groups);
  }

  const Kernels& kernels_;
  Window window_;
  int in_, out_;
  Map input_, map_;
  Program program_;
  bool is_dot_, by_blocks_ = false;
  int rows_a_strip_ = 1, groups_ = 0, block_groups_ = 0;
  std::ptrdiff_t stride_ = 0;
  std::vector<std::int32_t> pixel_offsets_, offsets_;
  Buffer weights_, bias_;
};

}  // namespace

std::unique_ptr<Step> MakeConvStep(const Kernels& kernels, const Window& window, int channels_in, int channels_out,
                                   const float* filter, const float* bias, bool in_parts, const Map& input,
                                   Program program, int threads) {
  return std::make_unique<ConvStep>(kernels, window, channels_in, channels_out, filter, bias, in_parts, input,
                                    std::move(program), threads);
}

}  // namespace edgehybrid

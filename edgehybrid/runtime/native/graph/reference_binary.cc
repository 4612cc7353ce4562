// Larq's operators. Formulas stand in reference.h; source: larq/compute-engine, core/ and tflite/kernels/.
#include <algorithm>
#include <cmath>
#include <vector>

#include "graph/reference_ops.h"

namespace edgehybrid {

namespace {

template <typename T, typename IsNegative>
void Pack(const View& in, const View& out, IsNegative is_negative) {
  const std::int64_t pixels = in.shape().n * in.shape().pixels(), channels = in.shape().c;
  for (std::int64_t p = 0; p < pixels; ++p) {
    const T* source = in.as<T>() + p * channels;
    std::uint32_t* words = out.as<std::uint32_t>() + p * out.stride();
    std::fill(words, words + out.stride(), 0u);
    for (std::int64_t c = 0; c < channels; ++c) words[c / 32] |= std::uint32_t{is_negative(source[c])} << (c % 32);
  }
}

template <typename T>
void Unpack(const View& in, const View& out, T zero_bit, T one_bit) {
  const std::int64_t pixels = out.shape().n * out.shape().pixels(), channels = out.shape().c;
  for (std::int64_t p = 0; p < pixels; ++p) {
    const std::uint32_t* words = in.as<std::uint32_t>() + p * in.stride();
    T* place = out.as<T>() + p * channels;
    for (std::int64_t c = 0; c < channels; ++c) place[c] = (words[c / 32] >> (c % 32) & 1) != 0 ? one_bit : zero_bit;
  }
}

// The stored numbers of each pixel, as often as there is room.
void Repeat(const View& in, const View& out) {
  const std::int64_t pixels = in.shape().n * in.shape().pixels(), from = in.shape().c, to = out.shape().c;
  for (std::int64_t p = 0; p < pixels; ++p) {
    for (std::int64_t c = 0; c < to; ++c) out.as<float>()[p * to + c] = in.as<std::int8_t>()[p * from + c % from];
  }
}

std::int8_t ToInt8(float y) {
  if (!(y > -128.0f)) return -128;
  if (y >= 127.0f) return 127;
  return static_cast<std::int8_t>(std::round(y));
}

// What turns d, twice the differing bits, into the output of one channel.
struct Transform {
  Range<std::int32_t> range;
  float multiplier, bias;

  Transform(Activation activation, std::int32_t all, double mul, double add, double scale, double zero_point)
      : multiplier(static_cast<float>(-mul / scale)),
        bias(static_cast<float>((add + static_cast<double>(all) * mul) / scale + zero_point)) {
    const Range<std::int32_t> nominal = RangeOf<std::int32_t>(activation);
    range = {all - std::min(nominal.high, all), all - std::max(nominal.low, -all)};
  }

  float operator()(std::int32_t d) const {
    const float scaled = static_cast<float>(Clamp(d, range.low, range.high)) * multiplier;
    return scaled + bias;
  }
};

}  // namespace

void reference::Quantize(const View& in, const View& out) {
  switch (in.value->type) {
    case Type::kInt8:
      return Pack<std::int8_t>(in, out, [zero = in.value->zero_point](std::int8_t x) { return x < zero; });
    case Type::kBool:
      return Pack<std::uint8_t>(in, out, [](std::uint8_t x) { return x == 0; });
    default:
      return Pack<float>(in, out, [](float x) { return x < 0; });
  }
}

void reference::Dequantize(const View& in, const View& out) {
  switch (out.value->type) {
    case Type::kInt8: {
      // 256 steps saturate whatever the zero point is.
      const auto step = static_cast<std::int32_t>(std::min(std::round(1.0f / out.value->scale), 256.0f));
      return Unpack<std::int8_t>(in, out, static_cast<std::int8_t>(std::min(127, out.value->zero_point + step)),
                                 static_cast<std::int8_t>(std::max(-128, out.value->zero_point - step)));
    }
    case Type::kBool:
      return Unpack<std::uint8_t>(in, out, 1, 0);
    default:
      if (in.value->type == Type::kPacked) return Unpack<float>(in, out, 1.0f, -1.0f);
      return Repeat(in, out);
  }
}

void reference::Bconv2d(const Node& node, const View& in, const View& filter, const View& multiplier, const View& bias,
                        const View& thresholds, const View& out) {
  const Shape &shape = out.shape(), &kernel = filter.shape();
  const Taps taps(node, in.shape(), shape, kernel.h, kernel.w);
  const int groups = node.channels_in / kernel.c, channels_a_group = shape.c / groups;
  const std::int64_t words = filter.stride();
  const std::int32_t all = kernel.h * kernel.w * kernel.c;
  const bool is_int8 = out.value->type == Type::kInt8, is_packed = out.value->type == Type::kPacked;
  std::vector<Transform> transforms;
  for (int c = 0; !is_packed && c < shape.c; ++c) {
    transforms.emplace_back(node.activation, all, multiplier.as<float>()[c], bias.as<float>()[c],
                            is_int8 ? out.value->scale : 1.0, is_int8 ? out.value->zero_point : 0.0);
  }
  for (int n = 0; n < shape.n; ++n) {
    for (int y = 0; y < shape.h; ++y) {
      for (int x = 0; x < shape.w; ++x) {
        if (is_packed) std::fill_n(out.Pixel<std::uint32_t>(n, y, x), out.stride(), 0u);
        for (int c = 0; c < shape.c; ++c) {
          std::int32_t d = 0;
          for (int ky = 0; ky < kernel.h; ++ky) {
            for (int kx = 0; kx < kernel.w; ++kx) {
              const std::int64_t row = taps.Row(y, ky), column = taps.Column(x, kx);
              const bool is_inside = taps.IsInside(row, column);
              if (!is_inside && !node.pads_with_one) {
                d += kernel.c;
                continue;
              }
              const std::uint32_t* pixel =
                  is_inside ? in.Pixel<std::uint32_t>(n, row, column) + c / channels_a_group * words : nullptr;
              const std::uint32_t* weights = filter.Pixel<std::uint32_t>(c, ky, kx);
              for (std::int64_t i = 0; i < words; ++i) {
                d += 2 * __builtin_popcount((is_inside ? pixel[i] : 0u) ^ weights[i]);
              }
            }
          }
          if (is_packed) {
            const bool bit = d > 2 * std::int64_t{thresholds.as<std::int32_t>()[c]};
            out.Pixel<std::uint32_t>(n, y, x)[c / 32] |= std::uint32_t{bit} << (c % 32);
          } else if (is_int8) {
            out.Pixel<std::int8_t>(n, y, x)[c] = ToInt8(transforms[static_cast<std::size_t>(c)](d));
          } else {
            out.Pixel<float>(n, y, x)[c] = transforms[static_cast<std::size_t>(c)](d);
          }
        }
      }
    }
  }
}

// The largest of +1 (bit 0) and -1 (bit 1) is -1 only where all are.
void reference::BMaxPool2d(const Node& node, const View& in, const View& out) {
  const Shape& shape = out.shape();
  const Taps taps(node, in.shape(), shape, node.kernel_h, node.kernel_w);
  for (int n = 0; n < shape.n; ++n) {
    for (int y = 0; y < shape.h; ++y) {
      for (int x = 0; x < shape.w; ++x) {
        for (std::int64_t i = 0; i < out.stride(); ++i) {
          std::uint32_t word = ~0u;
          for (int ky = 0; ky < node.kernel_h; ++ky) {
            for (int kx = 0; kx < node.kernel_w; ++kx) {
              const std::int64_t row = taps.Row(y, ky), column = taps.Column(x, kx);
              if (taps.IsInside(row, column)) word &= in.Pixel<std::uint32_t>(n, row, column)[i];
            }
          }
          out.Pixel<std::uint32_t>(n, y, x)[i] = word;
        }
      }
    }
  }
}

}  // namespace edgehybrid

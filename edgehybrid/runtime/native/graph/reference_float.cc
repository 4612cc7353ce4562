// TensorFlow Lite's float operators. Formulas and the order of sums stand in reference.h.
#include <cmath>
#include <limits>

#include "graph/reference_ops.h"
#include "graph/sums.h"

namespace edgehybrid {

namespace {

// Calls visit(n, y, x) for every pixel.
template <typename Visit>
void ForPixels(const Shape& shape, Visit visit) {
  for (int n = 0; n < shape.n; ++n) {
    for (int y = 0; y < shape.h; ++y) {
      for (int x = 0; x < shape.w; ++x) visit(n, y, x);
    }
  }
}

// Calls visit(ky, kx, row, column) for the taps inside the map.
template <typename Visit>
void ForTaps(const Taps& taps, int y, int x, int kernel_h, int kernel_w, Visit visit) {
  for (int ky = 0; ky < kernel_h; ++ky) {
    for (int kx = 0; kx < kernel_w; ++kx) {
      const std::int64_t row = taps.Row(y, ky), column = taps.Column(x, kx);
      if (taps.IsInside(row, column)) visit(ky, kx, row, column);
    }
  }
}

float Start(const View& bias, int channel) { return bias.exists() ? bias.as<float>()[channel] : 0.0f; }

}  // namespace

void reference::Conv2d(const Node& node, const View& in, const View& filter, const View& bias, const View& out) {
  const Shape& kernel = filter.shape();
  const Taps taps(node, in.shape(), out.shape(), kernel.h, kernel.w);
  ForPixels(out.shape(), [&](int n, int y, int x) {
    for (int c = 0; c < out.shape().c; ++c) {
      const bool in_parts = AddsInParts(out.shape().c);
      float sum = Start(bias, c), parts[kPartialSums] = {};
      ForTaps(taps, y, x, kernel.h, kernel.w, [&](int ky, int kx, std::int64_t row, std::int64_t column) {
        const float *pixel = in.Pixel<float>(n, row, column), *weights = filter.Pixel<float>(c, ky, kx);
        for (int i = 0; i < kernel.c; ++i) {
          float& part = in_parts ? parts[i % kPartialSums] : sum;
          part = std::fmaf(pixel[i], weights[i], part);
        }
      });
      if (in_parts) sum += SumOfParts(parts);
      out.Pixel<float>(n, y, x)[c] = Activate(sum, node.activation);
    }
  });
}

void reference::Depthwise(const Node& node, const View& in, const View& filter, const View& bias, const View& out) {
  const Shape& kernel = filter.shape();
  const Taps taps(node, in.shape(), out.shape(), kernel.h, kernel.w);
  ForPixels(out.shape(), [&](int n, int y, int x) {
    for (int c = 0; c < out.shape().c; ++c) {
      float sum = Start(bias, c);
      ForTaps(taps, y, x, kernel.h, kernel.w, [&](int ky, int kx, std::int64_t row, std::int64_t column) {
        sum = std::fmaf(in.Pixel<float>(n, row, column)[c], filter.Pixel<float>(0, ky, kx)[c], sum);
      });
      out.Pixel<float>(n, y, x)[c] = Activate(sum, node.activation);
    }
  });
}

void reference::FullyConnected(const Node& node, const View& in, const View& weights, const View& bias,
                               const View& out) {
  const int count = weights.shape().c;
  for (int n = 0; n < out.shape().n; ++n) {
    for (int c = 0; c < out.shape().c; ++c) {
      const float *row = weights.as<float>() + std::int64_t{c} * count, *x = in.as<float>() + std::int64_t{n} * count;
      float sum = Start(bias, c);
      for (int i = 0; i < count; ++i) sum = std::fmaf(x[i], row[i], sum);
      out.as<float>()[std::int64_t{n} * out.shape().c + c] = Activate(sum, node.activation);
    }
  }
}

void reference::Elementwise(const Node& node, const View& a, const View& b, const View& out) {
  const std::int64_t size = out.shape().size(), b_size = b.shape().size();
  for (std::int64_t i = 0; i < size; ++i) {
    // A vector over the channels repeats every pixel, a single constant always.
    const float left = a.as<float>()[i], right = b.as<float>()[i % b_size];
    const float y = node.op == Op::kAdd ? left + right : node.op == Op::kSub ? left - right : left * right;
    out.as<float>()[i] = Activate(y, node.activation);
  }
}

void reference::Relu(const Node& node, const View& in, const View& out) {
  for (std::int64_t i = 0; i < out.shape().size(); ++i) {
    out.as<float>()[i] = Activate(in.as<float>()[i], node.activation);
  }
}

void reference::Prelu(const View& in, const View& slopes, const View& out) {
  for (std::int64_t i = 0; i < out.shape().size(); ++i) {
    const float x = in.as<float>()[i];
    out.as<float>()[i] = x >= 0 ? x : x * slopes.as<float>()[i % out.shape().c];
  }
}

void reference::Pool(const Node& node, const View& in, const View& out) {
  const bool is_max = node.op == Op::kMaxPool;
  const Taps taps(node, in.shape(), out.shape(), node.kernel_h, node.kernel_w);
  ForPixels(out.shape(), [&](int n, int y, int x) {
    for (int c = 0; c < out.shape().c; ++c) {
      float y_value = is_max ? -std::numeric_limits<float>::infinity() : 0.0f;
      int count = 0;
      ForTaps(taps, y, x, node.kernel_h, node.kernel_w, [&](int, int, std::int64_t row, std::int64_t column) {
        const float value = in.Pixel<float>(n, row, column)[c];
        y_value = !is_max ? y_value + value : y_value < value ? value : y_value;
        ++count;
      });
      if (!is_max) y_value /= static_cast<float>(count);
      out.Pixel<float>(n, y, x)[c] = Activate(y_value, node.activation);
    }
  });
}

void reference::SumOfPixels(const View& in, const View& out, float factor) {
  const std::int64_t pixels = in.shape().pixels(), channels = in.shape().c;
  for (int n = 0; n < in.shape().n; ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      float sum = 0.0f;
      for (std::int64_t p = 0; p < pixels; ++p) sum += in.as<float>()[(n * pixels + p) * channels + c];
      out.as<float>()[n * channels + c] = sum * factor;
    }
  }
}

}  // namespace edgehybrid

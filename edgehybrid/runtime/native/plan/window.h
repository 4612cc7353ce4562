// How a window moves over a map.
#pragma once

#include <algorithm>

#include "graph/graph.h"
#include "graph/padding.h"
#include "plan/map.h"

namespace edgehybrid {

struct Window {
  int in_h, in_w, out_h, out_w;
  int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int pad_top, pad_left;

  // Row of the input that place ky reads for output row y; below 0 or beyond the map it is padding.
  int Row(int y, int ky) const { return y * stride_h - pad_top + ky * dilation_h; }
  int Column(int x, int kx) const { return x * stride_w - pad_left + kx * dilation_w; }

  // Calls visit(place, row, column) for the places of output (y, x) that lie inside of the map, in their order.
  template <typename Visit>
  void ForPlacesInside(int y, int x, Visit visit) const {
    for (int ky = 0; ky < kernel_h; ++ky) {
      const int row = Row(y, ky);
      if (row < 0 || row >= in_h) continue;
      for (int kx = 0; kx < kernel_w; ++kx) {
        const int column = Column(x, kx);
        if (column >= 0 && column < in_w) visit(ky * kernel_w + kx, row, column);
      }
    }
  }

  // The first row inside of the map that output row y reads, and the one behind the last.
  int FirstRow(int y) const { return std::clamp(Row(y, 0), 0, in_h); }
  int RowBehind(int y) const { return std::clamp(Row(y, kernel_h - 1) + 1, 0, in_h); }

  // What the window reads beyond the map.
  Border Needs() const {
    Border border;
    border.top = std::max(0, -Row(0, 0));
    border.left = std::max(0, -Column(0, 0));
    border.bottom = std::max(0, Row(out_h - 1, kernel_h - 1) - in_h + 1);
    border.right = std::max(0, Column(out_w - 1, kernel_w - 1) - in_w + 1);
    return border;
  }
};

inline Window WindowOf(const Node& node, const Shape& in, const Shape& out, int kernel_h, int kernel_w) {
  return {in.h, in.w, out.h, out.w, kernel_h, kernel_w, node.stride_h, node.stride_w, node.dilation_h, node.dilation_w,
          PadBefore(in.h, out.h, kernel_h, node.stride_h, node.dilation_h, node.padding),
          PadBefore(in.w, out.w, kernel_w, node.stride_w, node.dilation_w, node.padding)};
}

}  // namespace edgehybrid

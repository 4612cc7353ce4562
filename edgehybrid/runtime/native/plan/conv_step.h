// A convolution in full precision and its program, over the rows of a map. A dense layer is one of a map's size.
#pragma once

#include <memory>

#include "plan/program.h"
#include "plan/step.h"
#include "plan/window.h"

namespace edgehybrid {

// filter: OHWI. bias: one an output channel, or null for 0. in_parts: adds as graph/sums.h says; the input is a map of
// whole groups then.
std::unique_ptr<Step> MakeConvStep(const Kernels& kernels, const Window& window, int channels_in, int channels_out,
                                   const float* filter, const float* bias, bool in_parts, const Map& input,
                                   Program program, int threads);

}  // namespace edgehybrid

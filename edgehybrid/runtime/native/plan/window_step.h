// Depthwise convolutions and pools: each output channel reads its own channel in a window.
#pragma once

#include <memory>

#include "plan/program.h"
#include "plan/step.h"
#include "plan/window.h"

namespace edgehybrid {

enum class WindowKind { kDepthwise, kMaxPool, kAveragePool, kSum };

// filter: HWC, and bias: C or null; depthwise only. Places outside of the map are left out.
std::unique_ptr<Step> MakeWindowStep(const Kernels& kernels, WindowKind kind, const Window& window, int channels,
                                     const float* filter, const float* bias, const Map& input, Program program);

}  // namespace edgehybrid

// A binary 3×3 convolution of at most 32 channels and its program, in one pass.
#pragma once

#include "plan/bconv_step.h"

namespace edgehybrid {

// The kernel for just these, or null: MakeBconvStep has a step for any.
NarrowKernel NarrowKernelOf(const BconvShape& shape, const BconvBits& bits, const Program& program);

std::unique_ptr<Step> MakeNarrowStep(const Kernels& kernels, NarrowKernel kernel, const BconvShape& shape,
                                     const BconvBits& bits, const Map& input, Program program, int threads);

}  // namespace edgehybrid

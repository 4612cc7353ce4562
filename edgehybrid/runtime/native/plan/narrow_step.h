// A binary 3×3 convolution of at most 16 channels and its program, in one pass.
#pragma once

#include "plan/bconv_step.h"

namespace edgehybrid {

// Whether there is a kernel for just these; else MakeBconvStep has a step for any.
bool IsNarrow(const BconvShape& shape, const BconvBits& bits, const Program& program);

std::unique_ptr<Step> MakeNarrowStep(const Kernels& kernels, const BconvShape& shape, const BconvBits& bits,
                                     const Map& input, Program program, int threads);

}  // namespace edgehybrid

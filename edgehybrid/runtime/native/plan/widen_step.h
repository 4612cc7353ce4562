// Values of a bit or a byte as floats, and a program over them: how integers enter the chain of a plan.
#pragma once

#include <memory>

#include "graph/graph.h"
#include "plan/program.h"
#include "plan/step.h"

namespace edgehybrid {

// kPacked: bit 0 is 1.0, bit 1 is -1.0. kInt8: the stored number, of which `channels` may be several times those of the
// map: channel c is c % map.c there. kBool: 0.0 or 1.0.
std::unique_ptr<Step> MakeWidenStep(Type type, const Map& input, int channels, Program program);

}  // namespace edgehybrid

// Steps without arithmetic of their own: a program over a stored map, copies between layouts, the pool of packed maps.
#pragma once

#include <memory>

#include "graph/graph.h"
#include "plan/program.h"
#include "plan/step.h"
#include "plan/window.h"

namespace edgehybrid {

// The program over a float map of whole groups.
std::unique_ptr<Step> MakeMapStep(const Map& input, Program program);

// Copies `bytes` of each pixel from one map to another of the same size.
std::unique_ptr<Step> MakeCopyStep(const Map& from, const Map& to, int bytes);

// Joins the bits of a window by "and": the largest of values ±1. Places outside of the map are left out.
std::unique_ptr<Step> MakePackedPoolStep(const Window& window, const Map& from, const Map& to);

}  // namespace edgehybrid

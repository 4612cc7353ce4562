// Instruction sets that kernels are compiled for, and which one this processor gets.
#pragma once

#include <string>

namespace edgehybrid {

// Worst first.
enum class Isa { kReference, kPortable, kNeon, kAvx2, kAvx512 };

// The word that EDGEHYBRID_ISA, results and messages use: reference, portable, neon, avx2, avx512.
const char* NameOf(Isa isa);

// The best set that this processor has the features for; kAvx512 needs AVX-512 F, BW, DQ, VL and VPOPCNTDQ, so neither
// Skylake-X nor "AVX-512" as such.
Isa BestIsa();

// The one of that name. Throws std::invalid_argument, with what was received and what is allowed, for a name that is
// unknown or that this processor cannot run.
Isa IsaNamed(const std::string& name);

// BestIsa(), or IsaNamed() of the environment variable EDGEHYBRID_ISA.
Isa ChosenIsa();

}  // namespace edgehybrid

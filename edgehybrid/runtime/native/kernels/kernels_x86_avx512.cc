// The kernels, compiled for this instruction set. Nothing else is: no code shared with other files may come out of
// here, or the linker could keep a version of it that other processors cannot run.
#include "simd/avx512.h"

#include "kernels/instance.inc"

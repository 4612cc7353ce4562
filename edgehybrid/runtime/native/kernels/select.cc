#include "kernels/kernels.h"

namespace edgehybrid {

namespace portable {
extern const Kernels kKernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
#elif defined(__aarch64__)
namespace neon {
extern const Kernels kKernels;
}
#endif

const Kernels* KernelsOf(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return &portable::kKernels;
#if defined(__x86_64__)
    case Isa::kAvx2:
      return &avx2::kKernels;
    case Isa::kAvx512:
      return &avx512::kKernels;
#elif defined(__aarch64__)
    case Isa::kNeon:
      return &neon::kKernels;
#endif
    default:
      return nullptr;
  }
}

}  // namespace edgehybrid

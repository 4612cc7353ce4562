#include "base/isa.h"

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <stdexcept>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace edgehybrid {

namespace {

constexpr Isa kAll[] = {Isa::kReference, Isa::kPortable, Isa::kNeon, Isa::kAvx2, Isa::kAvx512};

#if defined(__x86_64__)

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

// Zeros where the processor does not know the leaf. Bits: Intel's manual, volume 2, CPUID.
Registers Cpuid(unsigned leaf) {
  Registers r;
  if (__get_cpuid_count(leaf, 0, &r.a, &r.b, &r.c, &r.d) == 0) return {};
  return r;
}

bool HasAll(unsigned word, std::initializer_list<int> bits) {
  for (const int bit : bits) {
    if ((word >> bit & 1u) == 0) return false;
  }
  return true;
}

// Register state that the operating system saves: a processor may have vectors that its system would destroy.
unsigned SavedState() {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

constexpr unsigned kSseAvx = 0x6, kSseAvxAvx512 = 0xE6;

Isa Detect() {
  const Registers one = Cpuid(1), seven = Cpuid(7);
  // FMA, POPCNT, OSXSAVE, AVX; AVX2.
  if (!HasAll(one.c, {12, 23, 27, 28}) || !HasAll(seven.b, {5})) return Isa::kPortable;
  const unsigned state = SavedState();
  if ((state & kSseAvx) != kSseAvx) return Isa::kPortable;
  // AVX-512 F, DQ, BW, VL; VPOPCNTDQ. No kernel counts bytes, so BITALG is not needed.
  const bool has_avx512 = HasAll(seven.b, {16, 17, 30, 31}) && HasAll(seven.c, {14});
  return has_avx512 && (state & kSseAvxAvx512) == kSseAvxAvx512 ? Isa::kAvx512 : Isa::kAvx2;
}

#elif defined(__aarch64__) && defined(__linux__)

Isa Detect() {
  constexpr unsigned long kAsimd = 1ul << 1;  // HWCAP_ASIMD
  return (getauxval(AT_HWCAP) & kAsimd) != 0 ? Isa::kNeon : Isa::kPortable;
}

#elif defined(__aarch64__)

Isa Detect() { return Isa::kNeon; }

#else

Isa Detect() { return Isa::kPortable; }

#endif

bool CanRun(Isa isa) {
  if (isa == Isa::kReference || isa == Isa::kPortable || isa == BestIsa()) return true;
  return isa == Isa::kAvx2 && BestIsa() == Isa::kAvx512;
}

}  // namespace

const char* NameOf(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return "reference";
    case Isa::kPortable:
      return "portable";
    case Isa::kNeon:
      return "neon";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "unknown";
}

Isa BestIsa() {
  static const Isa best = Detect();
  return best;
}

Isa IsaNamed(const std::string& name) {
  std::string allowed;
  for (const Isa isa : kAll) {
    if (!CanRun(isa)) continue;
    if (name == NameOf(isa)) return isa;
    allowed += std::string(allowed.empty() ? "" : ", ") + NameOf(isa);
  }
  throw std::invalid_argument("instruction set '" + name + "' is unknown or not this processor's; allowed here: " +
                              allowed);
}

Isa ChosenIsa() {
  const char* name = std::getenv("EDGEHYBRID_ISA");
  if (name == nullptr || *name == '\0') return BestIsa();
  try {
    return IsaNamed(name);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(std::string("EDGEHYBRID_ISA: ") + error.what());
  }
}

}  // namespace edgehybrid

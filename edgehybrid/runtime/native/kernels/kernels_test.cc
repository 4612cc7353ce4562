// Every kernel of every instruction set that this processor has, against loops that compute one value at a time.
//
//     kernels_test [seed]
//
// Prints the seed and the number of cases of each kernel. Exits with 1 after a value that differs, naming the case, and
// when a kernel ran no case. Values are compared by their bits; any NaN equals any other, because processors differ in
// the sign and the payload of those they make.
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "kernels/bconv2d/bconv2d_test.h"
#include "kernels/conv2d/conv2d_test.h"
#include "kernels/narrow/join_test.h"
#include "kernels/narrow/narrow_test.h"
#include "kernels/pool/pool_test.h"
#include "kernels/program/program_test.h"

namespace edgehybrid {
namespace {

// One entry for `isa` and one for each kernel: who adds a kernel adds its test.
static_assert(sizeof(Kernels) == 11 * sizeof(void*), "a kernel of the list has no test here");

template <typename FamilyTest>
bool IsGood(const Kernels& kernels, std::uint64_t seed) {
  FamilyTest test(kernels, seed);
  test.Run();
  return test.is_good();
}

bool IsOfThisProcessor(Isa isa) {
  try {
    return IsaNamed(NameOf(isa)) == isa;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

int Main(std::uint64_t seed) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  bool is_good = true;
  for (const Isa isa : {Isa::kPortable, Isa::kNeon, Isa::kAvx2, Isa::kAvx512}) {
    const Kernels* kernels = KernelsOf(isa);
    if (kernels == nullptr) continue;
    if (!IsOfThisProcessor(isa)) {
      std::printf("%-9s not run: this processor lacks it\n", NameOf(isa));
      continue;
    }
    // All of them run, whatever the first finds.
    is_good &= IsGood<BconvTest>(*kernels, seed);
    is_good &= IsGood<ConvTest>(*kernels, seed);
    is_good &= IsGood<WindowTest>(*kernels, seed);
    is_good &= IsGood<ProgramTest>(*kernels, seed);
    is_good &= IsGood<JoinTest>(*kernels, seed);
    is_good &= IsGood<NarrowTest>(*kernels, seed);
  }
  std::printf(is_good ? "all equal\n" : "FAILED\n");
  return is_good ? 0 : 1;
}

}  // namespace
}  // namespace edgehybrid

int main(int argc, char** argv) { return edgehybrid::Main(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1); }

// What one core of this processor can do at most: multiply-accumulates/s in registers, bytes/s read, clock. One JSON
// object on stdout. A binary multiply-accumulate is one bit of xor, count and add; a float one is one lane of an FMA.
//
// Loops have as many independent sums as hide their latency. The best of several short trials counts: a peak is what
// is possible, and others only slow it.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

constexpr int kSums = 8, kTrials = 40;
constexpr long kSteps = 400000;

// Hides a value's origin from the compiler, so that no loop is computed before it runs. A macro, for a function would
// have to be compiled with the instructions of each of its callers.
#if defined(__x86_64__)
#define OPAQUE(value) __asm__ volatile("" : "+x"(value))
#else
#define OPAQUE(value) __asm__ volatile("" : "+w"(value))
#endif

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The best rate of a body that does `work` things a call.
template <typename Body>
double Best(double work, Body body) {
  double best = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const double began = Seconds();
    body();
    best = std::max(best, work / (Seconds() - began));
  }
  return best;
}

// A chain of additions, one a cycle. Of two registers: some processors add constants while they rename.
double ClockHz() {
  return Best(8.0 * kSteps, [] {
    uint64_t x = 0, one = 1;
    for (long i = 0; i < kSteps; ++i) {
#if defined(__x86_64__)
      __asm__ volatile(
          "add %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\t"
          "add %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\tadd %1, %0"
          : "+r"(x)
          : "r"(one));
#else
      __asm__ volatile(
          "add %0, %0, %1\n\tadd %0, %0, %1\n\tadd %0, %0, %1\n\tadd %0, %0, %1\n\t"
          "add %0, %0, %1\n\tadd %0, %0, %1\n\tadd %0, %0, %1\n\tadd %0, %0, %1"
          : "+r"(x)
          : "r"(one));
#endif
    }
  });
}

// Reads `bytes` again and again, 4 sums of 64-byte vectors where the compiler has them.
double ReadBytesPerSecond(size_t bytes) {
  std::vector<uint64_t> data(bytes / 8, 1);
  const size_t passes = std::max<size_t>(1, (64u << 20) / bytes);
  return Best(double(bytes) * passes, [&] {
    for (size_t pass = 0; pass < passes; ++pass) {
      uint64_t sums[32] = {};
      const uint64_t* at = data.data();
      for (size_t i = 0; i + 32 <= data.size(); i += 32) {
        for (int j = 0; j < 32; ++j) sums[j] ^= at[i + j];
      }
      uint64_t all = 0;
      for (const uint64_t sum : sums) all ^= sum;
      __asm__ volatile("" : "+r"(all));
    }
  });
}

#if defined(__x86_64__)

#define AVX512 __attribute__((target("avx512f,avx512vpopcntdq")))
#define AVX2 __attribute__((target("avx2,fma")))
#define POPCNT __attribute__((target("popcnt")))

AVX512 void Binary512() {
  __m512i sums[kSums] = {}, x = _mm512_set1_epi32(0x12345), w = _mm512_set1_epi32(0x777);
  for (long i = 0; i < kSteps; ++i) {
    OPAQUE(x);
    for (__m512i& sum : sums) {
      sum = _mm512_add_epi32(sum, _mm512_popcnt_epi32(_mm512_xor_si512(x, w)));
      OPAQUE(x);
    }
  }
  for (__m512i& sum : sums) OPAQUE(sum);
}

AVX512 void Float512() {
  __m512 sums[kSums] = {}, x = _mm512_set1_ps(1.0f), w = _mm512_set1_ps(0.5f);
  for (long i = 0; i < kSteps; ++i) {
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(x, w, sum);
    OPAQUE(x);
  }
  for (__m512& sum : sums) OPAQUE(sum);
}

// Bytes of counts by two look-ups of four bits; widened every eighth vector, as their sum fits a byte until then.
AVX2 void Binary256() {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2,
                                         3, 2, 3, 3, 4);
  const __m256i low = _mm256_set1_epi8(15), zero = _mm256_setzero_si256();
  __m256i wide = zero, x = _mm256_set1_epi32(0x12345), w = _mm256_set1_epi32(0x777);
  for (long i = 0; i < kSteps; ++i) {
    __m256i sum = zero;
    for (int j = 0; j < kSums; ++j) {
      OPAQUE(x);
      const __m256i bits = _mm256_xor_si256(x, w);
      const __m256i first = _mm256_shuffle_epi8(table, _mm256_and_si256(bits, low));
      const __m256i second = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(bits, 4), low));
      sum = _mm256_add_epi8(sum, _mm256_add_epi8(first, second));
    }
    wide = _mm256_add_epi64(wide, _mm256_sad_epu8(sum, zero));
  }
  OPAQUE(wide);
}

AVX2 void Float256() {
  __m256 sums[kSums] = {}, x = _mm256_set1_ps(1.0f), w = _mm256_set1_ps(0.5f);
  for (long i = 0; i < kSteps; ++i) {
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(x, w, sum);
    OPAQUE(x);
  }
  for (__m256& sum : sums) OPAQUE(sum);
}

POPCNT void Binary64() {
  uint64_t sums[kSums] = {}, x = 0x12345, w = 0x777;
  for (long i = 0; i < kSteps; ++i) {
    for (uint64_t& sum : sums) {
      __asm__ volatile("" : "+r"(x));
      sum += uint64_t(__builtin_popcountll(x ^ w));
    }
  }
  for (uint64_t& sum : sums) __asm__ volatile("" : "+r"(sum));
}

#elif defined(__aarch64__)

// Bytes of counts; widened every eighth vector.
void BinaryNeon() {
  uint8x16_t x = vdupq_n_u8(0x35), w = vdupq_n_u8(0x77);
  uint16x8_t wide = vdupq_n_u16(0);
  for (long i = 0; i < kSteps; ++i) {
    uint8x16_t sums[2] = {vdupq_n_u8(0), vdupq_n_u8(0)};
    for (int j = 0; j < kSums; ++j) {
      OPAQUE(x);
      sums[j % 2] = vaddq_u8(sums[j % 2], vcntq_u8(veorq_u8(x, w)));
    }
    wide = vpadalq_u8(wide, vaddq_u8(sums[0], sums[1]));
  }
  OPAQUE(wide);
}

void FloatNeon() {
  float32x4_t sums[kSums], x = vdupq_n_f32(1.0f), w = vdupq_n_f32(0.5f);
  for (float32x4_t& sum : sums) sum = vdupq_n_f32(0);
  for (long i = 0; i < kSteps; ++i) {
    for (float32x4_t& sum : sums) sum = vfmaq_f32(sum, x, w);
    OPAQUE(x);
  }
  for (float32x4_t& sum : sums) OPAQUE(sum);
}

#endif

}  // namespace

// The arguments name the instruction sets of x86-64 that may be used: avx512, avx2.
int main(int count, char** arguments) {
  constexpr double kDone = double(kSteps) * kSums;
  const auto may_use = [=](const char* isa) {
    return std::any_of(arguments + 1, arguments + count, [=](const char* name) { return std::strcmp(name, isa) == 0; });
  };
  std::printf("{\"clock_ghz\": %.3f, \"binary_gmacs\": {", ClockHz() / 1e9);
#if defined(__x86_64__)
  const bool avx512 = may_use("avx512"), avx2 = may_use("avx2");
  if (avx512) std::printf("\"avx512\": %.1f, ", Best(kDone * 512, Binary512) / 1e9);
  if (avx2) std::printf("\"avx2\": %.1f, ", Best(kDone * 256, Binary256) / 1e9);
  std::printf("\"portable\": %.1f}, \"float_gmacs\": {", Best(kDone * 64, Binary64) / 1e9);
  if (avx512) std::printf("\"avx512\": %.1f", Best(kDone * 16, Float512) / 1e9);
  if (avx2) std::printf("%s\"avx2\": %.1f", avx512 ? ", " : "", Best(kDone * 8, Float256) / 1e9);
#elif defined(__aarch64__)
  std::printf("\"neon\": %.1f}, \"float_gmacs\": {", Best(kDone * 128, BinaryNeon) / 1e9);
  std::printf("\"neon\": %.1f", Best(kDone * 4, FloatNeon) / 1e9);
#endif
  std::printf("}, \"read_gbytes\": {");
  const char* comma = "";
  for (const int kib : {256, 1024, 4096, 16384, 65536, 262144}) {
    std::printf("%s\"%d\": %.1f", comma, kib, ReadBytesPerSecond(size_t(kib) << 10) / 1e9);
    comma = ", ";
  }
  std::printf("}}\n");
}

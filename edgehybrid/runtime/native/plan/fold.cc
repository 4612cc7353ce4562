#include "plan/fold.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace edgehybrid {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Floats in their order as integers, and back.
std::int64_t RankOf(float f) {
  std::int32_t bits;
  std::memcpy(&bits, &f, sizeof bits);
  return bits >= 0 ? std::int64_t{bits} : -std::int64_t{bits & 0x7fffffff} - 1;
}
float FloatOf(std::int64_t rank) {
  const auto bits = static_cast<std::uint32_t>(rank >= 0 ? rank : (-rank - 1) | 0x80000000);
  float f;
  std::memcpy(&f, &bits, sizeof f);
  return f;
}

}  // namespace

SignRule SignOf(int channels, const std::vector<float>& factors, const std::vector<float>& terms) {
  SignRule rule{std::vector<float>(static_cast<std::size_t>(channels), 0.0f),
                std::vector<bool>(static_cast<std::size_t>(channels), false)};
  for (std::size_t c = 0; c < rule.thresholds.size(); ++c) {
    const float m = factors.empty() ? 1.0f : factors[c], b = terms.empty() ? 0.0f : terms[c];
    rule.flips[c] = m < 0;
    const float factor = std::fabs(m);
    const auto is_negative = [&](float f) {
      const float product = factors.empty() ? f : f * factor;
      return (terms.empty() ? product : product + b) < 0;
    };
    if (!(factor > 0)) {
      rule.thresholds[c] = b < 0 && !std::isnan(m) ? kInfinity : -kInfinity;
      continue;
    }
    std::int64_t negative = RankOf(-kInfinity), other = RankOf(kInfinity);
    if (!is_negative(FloatOf(negative))) {
      rule.thresholds[c] = -kInfinity;
    } else if (is_negative(FloatOf(other))) {
      rule.thresholds[c] = kInfinity;
    } else {
      while (other - negative > 1) {
        const std::int64_t middle = negative + (other - negative) / 2;
        (is_negative(FloatOf(middle)) ? negative : other) = middle;
      }
      rule.thresholds[c] = FloatOf(other);
    }
  }
  return rule;
}

}  // namespace edgehybrid

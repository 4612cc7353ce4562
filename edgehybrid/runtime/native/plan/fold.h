// Thresholds that decide exactly what multiplication, addition and sign would have decided.
#pragma once

#include <vector>

namespace edgehybrid {

struct SignRule {
  std::vector<float> thresholds;
  std::vector<bool> flips;
};

// For each channel the rule "(f, negated where flips) < threshold" that is true just where round(round(f * m) + b) < 0
// for every float f but NaN. factors or terms may be empty: not applied.
//
// For m > 0 the rounded function of f is monotone, because both roundings are, so its sign changes once: the threshold
// is the least f whose result is not negative, found by bisection over all floats. For m < 0 the same holds of -f and
// -m, whose product is rounded to the same number. For m = 0, and NaN among m and b, the sign is a constant.
SignRule SignOf(int channels, const std::vector<float>& factors, const std::vector<float>& terms);

}  // namespace edgehybrid

#include <sotto/privacy/tilted_moment.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace sotto::privacy {

Cumulants tilted_moment(const std::vector<double>& masses, std::int64_t first, double step, double c) {
  constexpr std::size_t kBlock = 128;
  const double ratio = std::exp(c * step);
  // In a block of steps too coarse for that, elements are taken one by one.
  const std::size_t length = c * step * kBlock < 600 ? kBlock : 1;
  double peak = -std::numeric_limits<double>::infinity(), sum = 0, moment = 0, second = 0;  // relative to e^peak
  for (std::size_t start = 0; start < masses.size(); start += length) {
    const std::size_t end = std::min(masses.size(), start + length);
    double part = 0, part_moment = 0, part_second = 0;
    for (std::size_t i = end; i-- > start;) {
      // Horner's rule in the ratio for sum p x^i, sum i p x^i and sum i^2 p x^i.
      part_second = (part_second + 2 * part_moment + part) * ratio;
      part_moment = (part_moment + part) * ratio;
      part = part * ratio + masses[i];
    }
    if (part <= 0) continue;
    const auto origin = static_cast<double>(first + static_cast<std::int64_t>(start));
    const double exponent = c * step * origin + std::log(part);
    const double mean = part_moment / part, mean_square = part_second / part;
    const double loss = step * (origin + mean),
                 loss_square = step * step * (origin * (origin + 2 * mean) + mean_square);
    if (exponent > peak) {
      const double fade = std::exp(peak - exponent);
      sum = sum * fade + 1;
      moment = moment * fade + loss;
      second = second * fade + loss_square;
      peak = exponent;
    } else if (exponent > peak - 100) {
      const double weight = std::exp(exponent - peak);
      sum += weight;
      moment += weight * loss;
      second += weight * loss_square;
    }
  }
  const double mean = moment / sum;
  return {peak + std::log(sum), mean, std::max(0.0, second / sum - mean * mean)};
}

}  // namespace sotto::privacy

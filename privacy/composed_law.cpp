#include <sotto/privacy/composed_law.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

// sum_i f_i e^(-c (l_i - base)) (1 - e^(epsilon - l_i))_+ over the window
double ComposedLaw::sum(const Side& side, double epsilon) const {
  const double place = std::max(0.0, (epsilon - base_) / step_);
  const double next = std::ceil(place);
  if (next >= static_cast<double>(side.above.size())) return 0;
  const auto j = static_cast<std::size_t>(next);
  const double part = std::max(0.0, base_ + next * step_ - epsilon);
  return -std::expm1(-part) * side.above[j] + std::exp(-part) * side.excess[j];
}

double ComposedLaw::upper_delta(double epsilon) const {
  const double at = epsilon - upper_.shift - total_shift_;
  if (at < base_) return 1;  // outside the window nothing is known
  const double margin = upper_.margin * std::exp(-c_ * (at - base_));
  const double value =
      std::exp(log_scale_ - c_ * base_) * (sum(upper_, at) * (1 + relative_) + margin * (1 + relative_));
  const double beyond = std::exp(std::min(0.0, second_log_ - second_c_ * (base_ + period_))) * (1 + relative_);
  const double total = upper_.infinity + value + beyond + std::numeric_limits<double>::min();
  return std::isnan(total) ? 1 : std::min(1.0, total);
}

double ComposedLaw::lower_delta(double epsilon) const {
  const double at = epsilon + lower_.shift + total_shift_;
  if (at < base_) return 0;
  const double margin = lower_.margin * std::exp(-c_ * (at - base_));
  const double value =
      std::exp(log_scale_ - c_ * base_) * (sum(lower_, at) * (1 - relative_) - margin * (1 + relative_));
  const double left = std::exp(-c_ * period_) / -std::expm1(-c_ * period_);
  const double gap = (second_c_ - c_) * period_;
  const double right = std::exp(second_log_ - second_c_ * at - gap) / -std::expm1(-gap);
  // A release with infinite loss has no part in the sums, so that both add.
  const double total = lower_.infinity + std::max(0.0, value - (left + right) * (1 + relative_));
  return std::isnan(total) ? 0 : std::clamp(total, 0.0, 1.0);
}

double ComposedLaw::first() const {
  return std::max(0.0, base_ + upper_.shift + total_shift_);
}

double ComposedLaw::last() const {
  return base_ + period_;
}

Bracket ComposedLaw::delta(double epsilon) const {
  const Bracket found{lower_delta(epsilon), upper_delta(epsilon)};
  SOTTO_ASSERT(found.lower <= found.upper);
  return found;
}

Bracket ComposedLaw::epsilon(double delta) const {
  Bracket found{0, kInfinity};
  if (upper_delta(first()) <= delta) {
    found.upper = first();
  } else if (upper_.infinity < delta) {
    double low = first(), high = std::max(low, last());
    if (upper_delta(high) <= delta) {
      for (int i = 0; i < 200 && high - low > 1e-15 * high; ++i) {
        const double middle = low + (high - low) / 2;
        (upper_delta(middle) <= delta ? high : low) = middle;
      }
      found.upper = high;
    }
  }
  if (lower_.infinity > delta) {
    found.lower = kInfinity;
    return found;
  }
  // Margins grow towards the ends of the window, so the search begins at the last of some points that will do.
  constexpr int kCandidates = 256;
  const double begin = std::max(0.0, base_), stride = std::max(0.0, last() - begin) / kCandidates;
  int last = kCandidates;
  while (last >= 0 && !(lower_delta(begin + last * stride) > delta)) --last;
  if (last >= 0) {
    double low = begin + last * stride, high = low + stride;
    for (int i = 0; i < 200 && high - low > 1e-15 * high; ++i) {
      const double middle = low + (high - low) / 2;
      (lower_delta(middle) > delta ? low : high) = middle;
    }
    found.lower = low;
  }
  SOTTO_ASSERT(found.lower <= found.upper);
  return found;
}

}  // namespace sotto::privacy

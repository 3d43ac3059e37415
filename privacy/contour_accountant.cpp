#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/contour_accountant.h>
#include <sotto/privacy/contour_line.h>
#include <sotto/privacy/contour_sum.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Upper bound of what adding a record can lose: 1 / r is at most 1 / (1 - q).
double greatest_loss_added(const MergedEvents& events) {
  if (events.squared_gaussian_mean > 0) return kInfinity;
  double total = 0;
  for (const MergedEvents::Term& term : events.terms)
    total -= term.count * std::log1p(-std::get<PoissonSampled>(term.event).sampling_rate);
  return total * (1 + 1e-12);
}

}  // namespace

ContourAccountant::ContourAccountant(Adjacency adjacency, const Event& event) : adjacency_(adjacency) {
  if (!supports(adjacency))
    throw UsageError(
        fmt::format("[ContourAccountant] adjacency: {}; must be add-remove or zero-out", to_string(adjacency)));
  events_ = merge(adjacency, event);
  if (events_.non_private) refuse_contour("something was released without noise");
  for (const MergedEvents::Term& term : events_.terms) {
    const auto* const sampled = std::get_if<PoissonSampled>(&term.event);
    if (sampled == nullptr) refuse_contour("only Gaussian releases with Poisson sampling or without any are supported");
    if (sampled->mechanism.noise_multiplier < kSmallestQuadratureNoise)
      throw UsageError(fmt::format("[ContourAccountant] noise_multiplier: {}; must be at least {}",
                                   sampled->mechanism.noise_multiplier, kSmallestQuadratureNoise));
  }
}

bool ContourAccountant::supports(Adjacency adjacency) {
  return adjacency == Adjacency::add_remove || adjacency == Adjacency::zero_out;
}

Bracket ContourAccountant::delta(double epsilon, Direction direction) const {
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[ContourAccountant] epsilon: {}; must be finite and at least 0", epsilon));
  if (events_.empty()) return {0, 0};
  if (direction == Direction::add && epsilon >= greatest_loss_added(events_)) return {0, 0};
  const ContourProblem problem{events_, direction};
  return ContourSum(problem, epsilon, ContourSum::Effort::full).delta(epsilon);
}

Bracket ContourAccountant::epsilon(double delta, Direction direction) const {
  validate_delta(delta);
  if (events_.empty()) return {0, 0};
  const ContourProblem problem{events_, direction};
  double guess = contour_saddle_of_delta(problem, delta);
  auto effort = ContourSum::Effort::rough;
  for (int round = 0;; ++round) {
    const ContourSum sum(problem, guess, effort);
    // delta falls in epsilon, but the bracket is good only near the guess: the search walks from there.
    const auto crossing = [&](auto&& enough, double start) {
      double low = start, high = start, stride = std::max(1e-3 / sum.c(), 1e-15 * start);
      if (enough(start)) {
        while (low > 0 && enough(low)) high = low, low = std::max(0.0, low - stride), stride *= 2;
        if (low == 0 && enough(0.0)) return std::pair{0.0, 0.0};
      } else {
        for (int i = 0; i < 100 && !enough(high); ++i) low = high, high += stride, stride *= 2;
        if (!enough(high)) refuse_contour("no epsilon is enough");
      }
      for (int i = 0; i < 60 && high - low > 1e-14 * high; ++i) {
        const double middle = low + (high - low) / 2;
        (enough(middle) ? high : low) = middle;
      }
      return std::pair{low, high};
    };
    const double upper = crossing([&](double epsilon) { return sum.delta(epsilon).upper <= delta; }, guess).second;
    const bool near = std::abs(upper - guess) * sum.c() < 1 || (upper == 0 && guess == 0);
    if ((!near || sum.rough()) && round < 8) {
      if (near) effort = ContourSum::Effort::full;
      guess = upper;
      continue;
    }
    const double lower = crossing([&](double epsilon) { return sum.delta(epsilon).lower < delta; }, upper).first;
    return {std::min(lower, upper), upper};
  }
}

Bracket ContourAccountant::epsilon(double delta) const {
  const Bracket remove = epsilon(delta, Direction::remove);
  if (greatest_loss_added(events_) <= remove.lower) return remove;
  const Bracket add = epsilon(delta, Direction::add);
  return {std::max(remove.lower, add.lower), std::max(remove.upper, add.upper)};
}

Bracket ContourAccountant::delta(double epsilon) const {
  const Bracket remove = delta(epsilon, Direction::remove), add = delta(epsilon, Direction::add);
  return {std::max(remove.lower, add.lower), std::max(remove.upper, add.upper)};
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/conversion.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/rdp_accountant.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace sotto::privacy {

RdpAccountant::RdpAccountant(Adjacency adjacency, const Composed& events) : adjacency_(adjacency) {
  if (!supports(adjacency))
    throw UsageError(
        fmt::format("[RdpAccountant] unsupported adjacency: {}; available for Poisson-sampled Gaussian releases are "
                    "add-remove and zero-out",
                    to_string(adjacency)));
  std::map<std::pair<double, double>, double> merged;
  for (const SelfComposed& composed : events) {
    validate(composed);
    const double q = composed.event.sampling_rate, s = composed.event.mechanism.noise_multiplier;
    if (q > 0 && composed.count > 0) merged[{q, s}] += static_cast<double>(composed.count);
  }
  for (const auto& [event, count] : merged) {
    const auto& [q, s] = event;
    if (q == 1)
      squared_gaussian_mean_ += std::max(count / s / s, std::numeric_limits<double>::min());
    else
      sampled_.push_back(Term{.sampling_rate = q, .noise_multiplier = s, .count = count});
  }
}

bool RdpAccountant::supports(Adjacency adjacency) {
  return adjacency == Adjacency::add_remove || adjacency == Adjacency::zero_out;
}

double RdpAccountant::rdp(double order) const {
  if (!(order >= 1)) throw UsageError(fmt::format("[RdpAccountant] bad order: {}; allowed is 1 to infinity", order));
  double sum = squared_gaussian_mean_ > 0 ? order / 2 * squared_gaussian_mean_ : 0;
  for (const Term& term : sampled_)
    sum += term.count * subsampled_gaussian_rdp(term.sampling_rate, term.noise_multiplier, order, Direction::remove);
  if (sampled_.empty() && squared_gaussian_mean_ == 0) return 0;
  return sum * (1 + kRdpRelativeMargin) + std::numeric_limits<double>::min();
}

double RdpAccountant::epsilon(double delta) const {
  if (delta != 0) validate_delta(delta);
  if (sampled_.empty() && squared_gaussian_mean_ == 0) return 0;
  if (delta == 0) return std::numeric_limits<double>::infinity();
  return epsilon_from_rdp([this](double order) { return rdp(order); }, delta);
}

double RdpAccountant::delta(double epsilon) const {
  if (sampled_.empty() && squared_gaussian_mean_ == 0) {
    if (!(epsilon >= 0 && std::isfinite(epsilon)))
      throw UsageError(fmt::format("[RdpAccountant] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
    return 0;
  }
  return delta_from_rdp([this](double order) { return rdp(order); }, epsilon);
}

}  // namespace sotto::privacy

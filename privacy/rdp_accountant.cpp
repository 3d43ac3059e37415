#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/conversion.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/rdp_accountant.h>

#include <cmath>
#include <limits>

namespace sotto::privacy {

RdpAccountant::RdpAccountant(Adjacency adjacency, const Event& event) : adjacency_(adjacency) {
  if (!supports(adjacency))
    throw UsageError(
        fmt::format("[RdpAccountant] unsupported adjacency: {}; available for Poisson-sampled Gaussian releases are "
                    "add-remove and zero-out",
                    to_string(adjacency)));
  events_ = merge(adjacency, event);
}

bool RdpAccountant::supports(Adjacency adjacency) {
  return adjacency == Adjacency::add_remove || adjacency == Adjacency::zero_out;
}

double RdpAccountant::rdp(double order) const {
  if (!(order >= 1)) throw UsageError(fmt::format("[RdpAccountant] bad order: {}; allowed is 1 to infinity", order));
  double sum = events_.squared_gaussian_mean > 0 ? order / 2 * events_.squared_gaussian_mean : 0;
  if (events_.non_private) return std::numeric_limits<double>::infinity();
  for (const MergedEvents::Term& term : events_.terms) {
    const auto& event = std::get<PoissonSampled>(term.event);
    sum += term.count *
           subsampled_gaussian_rdp(event.sampling_rate, event.mechanism.noise_multiplier, order, Direction::remove);
  }
  if (events_.empty()) return 0;
  return sum * (1 + kRdpRelativeMargin) + std::numeric_limits<double>::min();
}

double RdpAccountant::epsilon(double delta) const {
  if (delta != 0) validate_delta(delta);
  if (events_.empty()) return 0;
  if (delta == 0) return std::numeric_limits<double>::infinity();
  return epsilon_from_rdp([this](double order) { return rdp(order); }, delta);
}

double RdpAccountant::delta(double epsilon) const {
  if (events_.empty()) {
    if (!(epsilon >= 0 && std::isfinite(epsilon)))
      throw UsageError(fmt::format("[RdpAccountant] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
    return 0;
  }
  return delta_from_rdp([this](double order) { return rdp(order); }, epsilon);
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/conversion.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/privacy/release_rdp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A divergence below this may have lost digits to underflow, or have become zero: it is counted as at least this.
constexpr double kUnderflow = 1e-300;

// The sum of the curves of all releases.
class SumOfCurves {
 public:
  SumOfCurves(Adjacency adjacency, const MergedEvents& events) : events_(events) {
    if (events.non_private) return;
    for (const MergedEvents::Term& term : events.terms) curves_.push_back(make_release_rdp(adjacency, term.event));
  }
  double at(double order) {
    if (events_.empty()) return 0;
    if (events_.non_private) return kInfinity;
    double sum = events_.squared_gaussian_mean > 0 ? order / 2 * events_.squared_gaussian_mean : 0;
    for (std::size_t i = 0; i < curves_.size(); ++i)
      sum += events_.terms[i].count * (curves_[i]->at(order) + kUnderflow);
    return sum * (1 + kRdpRelativeMargin) + std::numeric_limits<double>::min();
  }

 private:
  const MergedEvents& events_;
  std::vector<std::unique_ptr<ReleaseRdp>> curves_;
};

double sum_of_pure_epsilons(Adjacency adjacency, const MergedEvents& events) {
  if (events.empty()) return 0;
  if (events.non_private || events.squared_gaussian_mean > 0) return kInfinity;
  double sum = 0;
  for (const MergedEvents::Term& term : events.terms)
    sum += term.count * pure_epsilon(adjacency, term.event).value_or(kInfinity);
  return sum * (1 + kRdpRelativeMargin);
}

}  // namespace

RdpAccountant::RdpAccountant(Adjacency adjacency, const Event& event)
    : RdpAccountant(adjacency, merge(adjacency, event)) {}

RdpAccountant::RdpAccountant(Adjacency adjacency, MergedEvents events)
    : adjacency_(adjacency), events_(std::move(events)) {
  if (const auto reason = why_unsupported(adjacency_, events_))
    throw UsageError(fmt::format("[RdpAccountant] unsupported event: {}", *reason));
  pure_epsilon_ = sum_of_pure_epsilons(adjacency_, events_);
}

std::optional<std::string> RdpAccountant::why_unsupported(Adjacency adjacency, const MergedEvents& events) {
  for (const MergedEvents::Term& term : events.terms)
    if (auto reason = why_no_rdp(adjacency, term.event)) return reason;
  return std::nullopt;
}

double RdpAccountant::rdp(double order) const {
  if (!(order >= 1)) throw UsageError(fmt::format("[RdpAccountant] bad order: {}; allowed is 1 to infinity", order));
  return SumOfCurves(adjacency_, events_).at(order);
}

double RdpAccountant::epsilon(double delta) const {
  if (delta != 0) validate_delta(delta);
  if (delta == 0 || events_.empty() || events_.non_private) return pure_epsilon_;
  SumOfCurves curve(adjacency_, events_);
  return std::min(pure_epsilon_, epsilon_from_rdp([&](double order) { return curve.at(order); }, delta));
}

double RdpAccountant::delta(double epsilon) const {
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[RdpAccountant] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
  if (epsilon >= pure_epsilon_) return 0;
  if (events_.non_private) return 1;
  SumOfCurves curve(adjacency_, events_);
  return delta_from_rdp([&](double order) { return curve.at(order); }, epsilon);
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/grouped_events.h>
#include <sotto/privacy/log_sum.h>
#include <sotto/privacy/order_search.h>
#include <sotto/privacy/private_selection.h>
#include <sotto/privacy/rdp_accountant.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <utility>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Absolute for the logarithm of a mean, relative elsewhere.
constexpr double kMargin = 1e-12;

RdpCurve checked(RdpCurve base) {
  if (!base) throw UsageError("[PrivateSelection] base curve: none; allowed is a function of the order");
  return [base = std::move(base)](double order) {
    const double value = base(order);
    if (!(value >= 0))
      throw UsageError(
          fmt::format("[PrivateSelection] bad base curve: {} at order {}; allowed is 0 to infinity", value, order));
    return value;
  };
}

RdpCurve curve_of(const AccountedEvents& events) {
  const Event event = for_unit(events);
  auto accountant = std::make_shared<RdpAccountant>(*events.adjacency, event);
  return [accountant](double order) { return accountant->rdp(order); };
}

// A curve that remembers what it was asked.
RdpCurve remembering(const RdpCurve& curve) {
  return [&curve, known = std::make_shared<std::map<double, double>>()](double order) {
    const auto found = known->find(order);
    return found != known->end() ? found->second : known->emplace(order, curve(order)).first->second;
  };
}

double least_conversion(double rdp, double order, double delta) {
  return std::min(epsilon_at_order(rdp, order, delta, Conversion::standard),
                  epsilon_at_order(rdp, order, delta, Conversion::asoodeh));
}

// (1 + eta) times the least over c in [1, infinity] of (1 - 1/c) base(c) + log(1/gamma) / c.
double auxiliary_term(const TruncatedNegativeBinomial& law, const RdpCurve& base) {
  const double price = -std::log(law.gamma) * (1 + kMargin);
  const double inner =
      least_over_orders(base, [&](double rdp, double order) { return (1 - 1 / order) * rdp + price / order; });
  return (1 + law.eta) * std::min({inner, price, base(kInfinity)}) * (1 + kMargin);
}

}  // namespace

PrivateSelection::PrivateSelection(SelectionRuns runs, RdpCurve base)
    : runs_(runs), base_(checked(std::move(base))), log_mean_(std::log(mean_runs(runs_)) + kMargin) {
  if (const auto* law = std::get_if<TruncatedNegativeBinomial>(&runs_)) auxiliary_ = auxiliary_term(*law, base_);
}

PrivateSelection::PrivateSelection(SelectionRuns runs, const AccountedEvents& base)
    : PrivateSelection(runs, curve_of(base)) {}

double PrivateSelection::whole(double base, double order) const {
  const double order_m1 = order - 1;
  if (std::holds_alternative<TruncatedNegativeBinomial>(runs_)) {
    const double price = std::isinf(order) ? 0 : log_mean_ / order_m1;
    return (base + auxiliary_ + price) * (1 + kMargin);
  }
  const double mean = std::get<PoissonRuns>(runs_).mean;
  const double largest_epsilon = std::isinf(order) ? 0 : std::log1p(1 / order_m1) * (1 - kMargin);
  const double delta = delta_from_rdp(base_, largest_epsilon);
  const double run = (base + mean * delta) * (1 + kMargin);
  if (std::isinf(order) || !std::isfinite(run)) return run;
  LogSum sum;
  sum.add(-mean);
  sum.add(log_mean_ + order_m1 * run);
  const double log_moment = sum.log();
  return std::max(0.0, log_moment + kMargin * (1 + std::abs(log_moment))) / order_m1;
}

double PrivateSelection::rdp(double order) const {
  if (!(order > 1))
    throw UsageError(fmt::format("[PrivateSelection] bad order: {}; allowed is above 1, to infinity", order));
  return whole(base_(order), order);
}

double PrivateSelection::epsilon(double delta) const {
  if (delta != 0) validate_delta(delta);
  const PrivateSelection cached(runs_, remembering(base_));
  const double pure = cached.rdp(kInfinity);
  if (delta == 0) return pure;
  return std::min(pure, least_over_orders(cached.base_, [&](double base, double order) {
                    return least_conversion(cached.whole(base, order), order, delta);
                  }));
}

double PrivateSelection::delta(double epsilon) const {
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[PrivateSelection] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
  const PrivateSelection cached(runs_, remembering(base_));
  if (epsilon >= cached.rdp(kInfinity)) return 0;
  return std::min(1.0, least_over_orders(cached.base_, [&](double base, double order) {
                    const double rdp = cached.whole(base, order);
                    return std::min(delta_at_order(rdp, order, epsilon, Conversion::standard),
                                    delta_at_order(rdp, order, epsilon, Conversion::asoodeh));
                  }));
}

}  // namespace sotto::privacy

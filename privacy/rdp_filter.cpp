#include <fmt/format.h>
#include <sotto/privacy/conversion.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/grouped_events.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/privacy/rdp_filter.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double least_epsilon(double rdp, double order, double delta) {
  return std::min(epsilon_at_order(rdp, order, delta, Conversion::standard),
                  epsilon_at_order(rdp, order, delta, Conversion::asoodeh));
}

// The largest divergence that proves the budget; nothing when 0 does not. Only values that were seen to prove it are
// returned.
std::optional<double> largest_rdp(const PrivacyBudget& budget, double order) {
  const auto proves = [&](double rdp) { return least_epsilon(rdp, order, budget.delta) <= budget.epsilon; };
  if (!proves(0)) return std::nullopt;
  constexpr int kMostBisections = 200;
  double low = 0, high = 2 * budget.epsilon + 1;
  for (int i = 0; i < kMostBisections && proves(high) && high < 1e300; ++i) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < kMostBisections; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (proves(middle) ? low : high) = middle;
  }
  return low;
}

double validated_rdp_budget(const PrivacyBudget& budget, double order) {
  validate(budget);
  if (!(order > 1 && std::isfinite(order)))
    throw UsageError(fmt::format("[RdpFilter] bad order: {}; allowed is a finite number above 1", order));
  if (const auto rdp = largest_rdp(budget, order)) return *rdp;
  throw UsageError(
      fmt::format("[RdpFilter] order {} proves no epsilon below {} at delta {}; allowed is a larger order or a larger "
                  "budget than epsilon {}",
                  order, least_epsilon(0, order, budget.delta), budget.delta, budget.epsilon));
}

RdpAccountant accountant_of(const AccountedEvents& events) {
  return RdpAccountant(*events.adjacency, for_unit(events));
}

// Argument of the largest value of f over [low, high], by golden section; f is called a bounded number of times.
double argument_of_largest(const std::function<double(double)>& f, double low, double high) {
  constexpr double kGolden = 0.6180339887498949;
  constexpr int kSteps = 24;
  double a = high - kGolden * (high - low), b = low + kGolden * (high - low);
  double at_a = f(a), at_b = f(b);
  for (int i = 0; i < kSteps; ++i) {
    if (at_a >= at_b) {
      high = b;
      b = a;
      at_b = at_a;
      a = high - kGolden * (high - low);
      at_a = f(a);
    } else {
      low = a;
      a = b;
      at_a = at_b;
      b = low + kGolden * (high - low);
      at_b = f(b);
    }
  }
  return at_a >= at_b ? a : b;
}

}  // namespace

RdpFilter::RdpFilter(Adjacency adjacency, const PrivacyUnit& unit, const PrivacyBudget& budget, double order)
    : adjacency_(adjacency),
      unit_(unit),
      budget_(budget),
      order_(order),
      rdp_budget_(validated_rdp_budget(budget, order)) {
  rdp_of(NoOp{});  // the adjacency and the unit
}

double RdpFilter::best_order(Adjacency adjacency, const PrivacyUnit& unit, const PrivacyBudget& budget,
                             const Event& typical) {
  validate(budget);
  const RdpAccountant accountant = accountant_of({adjacency, unit, typical});
  const auto multiple = [&](double log_order_minus_one) {
    const double order = 1 + std::exp(log_order_minus_one);
    const double rdp = accountant.rdp(order);
    return std::isfinite(rdp) ? largest_rdp(budget, order).value_or(0) / rdp : 0;
  };
  if (accountant.rdp(2) == 0)
    throw UsageError("[RdpFilter::best_order] the typical schedule releases nothing; allowed is one that does");
  constexpr int kPoints = 41;
  const double low = std::log(kSmallestOrderMinusOne), high = std::log(kLargestOrderMinusOne);
  const double step = (high - low) / (kPoints - 1);
  double best = low, most = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double point = low + i * step;
    if (const double here = multiple(point); here > most) {
      most = here;
      best = point;
    }
  }
  if (most == 0)
    throw UsageError(
        fmt::format("[RdpFilter::best_order] no order proves epsilon {} at delta {} for any part of the typical "
                    "schedule; allowed is a larger budget, or noise",
                    budget.epsilon, budget.delta));
  const double finer = argument_of_largest(multiple, std::max(low, best - step), std::min(high, best + step));
  return 1 + std::exp(multiple(finer) > most ? finer : best);
}

double RdpFilter::rdp_of(const Event& event) const {
  return accountant_of({adjacency_, unit_, event}).rdp(order_);
}

bool RdpFilter::can_afford(const Event& event) const {
  const double rdp = rdp_of(event);
  const std::lock_guard lock(mutex_);
  return std::nextafter(rdp_spent_ + rdp, kInfinity) <= rdp_budget_;
}

void RdpFilter::charge(const Event& event) {
  const double rdp = rdp_of(event);
  const std::lock_guard lock(mutex_);
  const double sum = std::nextafter(rdp_spent_ + rdp, kInfinity);
  if (!(sum <= rdp_budget_))
    throw BudgetExhausted(fmt::format(
        "[RdpFilter] the release would take the Renyi divergence of order {} from {:.6g} to {:.6g}; allowed "
        "is at most {:.6g}, which is epsilon {} at delta {}",
        order_, rdp_spent_, sum, rdp_budget_, budget_.epsilon, budget_.delta));
  rdp_spent_ = sum;
}

double RdpFilter::rdp_spent() const {
  const std::lock_guard lock(mutex_);
  return rdp_spent_;
}

}  // namespace sotto::privacy

#pragma once
// A privacy filter: a budget that holds although every release is chosen from the results of the earlier ones.
//
// Composition with parameters fixed in advance says nothing about a noise multiplier or a sampling rate that depends on
// what was released before. At one Renyi order the sum may still be taken (Feldman, Zrnic, Individual Privacy
// Accounting via a Renyi Filter, NeurIPS 2021, theorem 4.3): if the divergences of order a, each bounded given
// everything released before it, never sum to more than B, then all releases together have divergence of order a at
// most B, and are private for the epsilon that conversion.h gives for B. The filter refuses the release that would take
// the sum beyond B.
//
// The order is fixed before the first release. A filter that took the order that suits the releases seen so far would
// choose it from private results, and none of its orders would have kept its own sum below its own B. For a typical
// schedule that is known in advance, best_order() gives the order at which the budget pays for most of it.
//
// The guarantee is the budget, whenever and for whatever reason the releases stop. The sum reached so far is no
// guarantee of its own when the time to look at it depends on the results.

#include <sotto/privacy/accountant.h>
#include <sotto/privacy/budget.h>

#include <mutex>

namespace sotto::privacy {

// May be used by several threads: charges are made one at a time. Not copied, because a copy would spend the same
// budget again.
class RdpFilter {
 public:
  // order: finite, above 1. UsageError when it is not, the adjacency is not supported by RdpAccountant, or at this
  // order not even a divergence of 0 proves the budget.
  RdpFilter(Adjacency adjacency, const PrivacyUnit& unit, const PrivacyBudget& budget, double order);

  // The order, from 1 + kSmallestOrderMinusOne to 1 + kLargestOrderMinusOne, at which the budget pays for the largest
  // multiple of `typical`, to about three digits. UsageError when `typical` releases nothing or there is no such order.
  static double best_order(Adjacency adjacency, const PrivacyUnit& unit, const PrivacyBudget& budget,
                           const Event& typical);

  // Whether charge() would accept the event now; another thread may change that. UsageError as for charge().
  bool can_afford(const Event& event) const;
  // To be called before the release. BudgetExhausted when the sum would exceed the budget, UsageError when the event is
  // invalid or not supported; the filter is then what it was.
  void charge(const Event& event);

  Adjacency adjacency() const { return adjacency_; }
  PrivacyUnit unit() const { return unit_; }
  PrivacyBudget budget() const { return budget_; }
  double order() const { return order_; }
  // B: the largest divergence that proves the budget at this order, rounded down.
  double rdp_budget() const { return rdp_budget_; }
  // Sum of the divergences charged, each rounded up, and so the sum; at most rdp_budget().
  double rdp_spent() const;

 private:
  double rdp_of(const Event& event) const;

  const Adjacency adjacency_;
  const PrivacyUnit unit_;
  const PrivacyBudget budget_;
  const double order_;
  const double rdp_budget_;
  mutable std::mutex mutex_;
  double rdp_spent_ = 0;
};

}  // namespace sotto::privacy

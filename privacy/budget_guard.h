#pragma once
// A budget guard for a schedule that is fixed in advance: it refuses the release that would exceed the budget.
//
// Before every release the whole of what was spent and the release are accounted for together; the release is refused
// when the certified upper end of epsilon at the budget's delta would be above the budget's epsilon. For parameters
// fixed in advance, how far the guard lets a run go is fixed in advance as well, so that the budget holds for a run
// that goes on until it is refused, and for one that stops earlier for whatever reason. Where noise or rates are chosen
// from results, only an RdpFilter gives a guarantee. The running epsilon is that of an odometer, with the reservation
// of privacy_odometer.h.

#include <sotto/privacy/accountant.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/privacy_odometer.h>

#include <mutex>

namespace sotto::privacy {

// May be used by several threads: charges are made one at a time. Not copied, because a copy would spend the same
// budget again.
class BudgetGuard {
 public:
  // UsageError when budget or events are invalid or the method does not support them; BudgetExhausted when `spent` is
  // above the budget.
  BudgetGuard(const AccountedEvents& spent, const PrivacyBudget& budget, Method method);

  // Whether charge() would accept the event now; another thread may change that. UsageError as for charge().
  bool can_afford(const Event& event) const;
  // To be called before the release. BudgetExhausted when the upper end with it would exceed the budget, UsageError
  // when it is invalid or not supported; the guard is then what it was. Costs one evaluation by the method.
  void charge(const Event& event);

  PrivacyBudget budget() const { return budget_; }
  AccountedEvents spent() const;
  // Certified upper end of what is spent, at the budget's delta; at most the budget's epsilon.
  double epsilon() const;

 private:
  const PrivacyBudget budget_;
  mutable std::mutex mutex_;
  PrivacyOdometer odometer_;
  double epsilon_;
};

}  // namespace sotto::privacy

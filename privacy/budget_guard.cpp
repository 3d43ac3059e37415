#include <fmt/format.h>
#include <sotto/privacy/budget_guard.h>
#include <sotto/privacy/error.h>

#include <utility>

namespace sotto::privacy {
namespace {

PrivacyBudget validated(const PrivacyBudget& budget) {
  validate(budget);
  return budget;
}

}  // namespace

BudgetGuard::BudgetGuard(const AccountedEvents& spent, const PrivacyBudget& budget, Method method)
    : budget_(validated(budget)), odometer_(spent, method), epsilon_(odometer_.epsilon(budget.delta)) {
  if (!(epsilon_ <= budget_.epsilon))
    throw BudgetExhausted(
        fmt::format("[BudgetGuard] epsilon {:.6g} at delta {} is spent already; allowed is at most {}", epsilon_,
                    budget_.delta, budget_.epsilon));
}

bool BudgetGuard::can_afford(const Event& event) const {
  PrivacyOdometer next = [this] {
    const std::lock_guard lock(mutex_);
    return odometer_;
  }();
  next.add(event);
  return next.epsilon(budget_.delta) <= budget_.epsilon;
}

void BudgetGuard::charge(const Event& event) {
  const std::lock_guard lock(mutex_);
  PrivacyOdometer next = odometer_;
  next.add(event);
  const double epsilon = next.epsilon(budget_.delta);
  if (!(epsilon <= budget_.epsilon))
    throw BudgetExhausted(fmt::format(
        "[BudgetGuard] the release would take epsilon at delta {} from {:.6g} to {:.6g}; allowed is at most {}",
        budget_.delta, epsilon_, epsilon, budget_.epsilon));
  odometer_ = std::move(next);
  epsilon_ = epsilon;
}

AccountedEvents BudgetGuard::spent() const {
  const std::lock_guard lock(mutex_);
  return odometer_.events();
}

double BudgetGuard::epsilon() const {
  const std::lock_guard lock(mutex_);
  return epsilon_;
}

}  // namespace sotto::privacy

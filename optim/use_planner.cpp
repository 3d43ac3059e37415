#include <sotto/optim/use_planner.h>

#include <algorithm>
#include <limits>

namespace sotto::optim {
namespace {

double gram_operations(const UseShape& shape) {
  const auto positions = static_cast<double>(shape.positions);
  return positions * (positions + 1.0) * static_cast<double>(shape.rows + shape.columns);
}

// With each strategy, whatever the number of positions.
std::vector<PlannedUse> all_plans(const UseShape& shape, int64_t records, int64_t element_bytes,
                                  const KernelCosts& costs) {
  const auto batch = static_cast<double>(records);
  const auto row_bytes = static_cast<double>(shape.elements * element_bytes);
  const double gradient = batch * 2.0 * shape.multiplications / costs.record_products;
  const double sum = batch * 2.0 * shape.multiplications / costs.product;
  const int64_t factor_bytes = records * shape.factors * element_bytes;
  const auto factor_pass = static_cast<double>(factor_bytes) / costs.bytes;
  // A kept row is written, and read for the norm and for the sum.
  std::vector<PlannedUse> plans = {
      {Strategy::keep, records * shape.elements * element_bytes, gradient + 3.0 * batch * row_bytes / costs.bytes}};
  const bool is_product = shape.positions > 1;
  plans.push_back(
      {Strategy::drop, factor_bytes, gradient + (is_product ? sum : gradient) + 2.0 * batch * row_bytes / costs.bytes});
  if (is_product)
    plans.push_back({Strategy::gram, factor_bytes, batch * gram_operations(shape) / costs.gram + sum + factor_pass});
  if (shape.positions == 1) plans.push_back({Strategy::rank_one, factor_bytes, 2.0 * factor_pass + sum});
  return plans;
}

}  // namespace

std::vector<PlannedUse> possible_plans(const UseShape& shape, int64_t records, int64_t element_bytes,
                                       const KernelCosts& costs) {
  if (shape.elements == 0) return {{}};
  std::vector<PlannedUse> plans = all_plans(shape, records, element_bytes, costs);
  if (shape.positions == 1) plans = {plans.back()};
  return plans;
}

PlannedUse forced_plan(Strategy strategy, const UseShape& shape, int64_t records, int64_t element_bytes,
                       const KernelCosts& costs) {
  if (shape.elements == 0) return {.strategy = strategy};
  if (strategy == Strategy::gram && shape.positions == 1) strategy = Strategy::rank_one;
  if (strategy == Strategy::rank_one && shape.positions > 1) strategy = Strategy::gram;
  const std::vector<PlannedUse> plans = all_plans(shape, records, element_bytes, costs);
  const auto found = std::find_if(plans.begin(), plans.end(), [&](const auto& p) { return p.strategy == strategy; });
  return found != plans.end() ? *found : plans.front();
}

std::vector<PlannedUse> plan_uses(const std::vector<UseToPlan>& uses, int64_t records, int64_t budget_bytes,
                                  const KernelCosts& costs) {
  std::vector<std::vector<PlannedUse>> possible;
  std::vector<PlannedUse> chosen;
  for (const UseToPlan& use : uses) {
    possible.push_back(possible_plans(use.shape, records, use.element_bytes, costs));
    chosen.push_back(*std::min_element(possible.back().begin(), possible.back().end(),
                                       [](const auto& a, const auto& b) { return a.seconds < b.seconds; }));
  }
  // From the end of the forward pass, where the backward pass begins.
  int64_t held = 0;
  for (size_t k = uses.size(); k-- > 0;) {
    held += chosen[k].held_bytes;
    while (held > budget_bytes - uses[k].bytes_before) {
      double best = std::numeric_limits<double>::infinity();
      size_t at = 0;
      const PlannedUse* change = nullptr;
      for (size_t u = k; u < uses.size(); ++u) {
        for (const PlannedUse& plan : possible[u]) {
          const int64_t freed = chosen[u].held_bytes - plan.held_bytes;
          const double price = (plan.seconds - chosen[u].seconds) / static_cast<double>(std::max<int64_t>(1, freed));
          if (freed <= 0 || price >= best) continue;
          best = price;
          at = u;
          change = &plan;
        }
      }
      if (change == nullptr) break;
      held -= chosen[at].held_bytes - change->held_bytes;
      chosen[at] = *change;
    }
  }
  return chosen;
}

int64_t least_bytes(const std::vector<UseToPlan>& uses, int64_t records) {
  int64_t held = 0;
  int64_t most = 0;
  for (size_t k = uses.size(); k-- > 0;) {
    const auto plans = possible_plans(uses[k].shape, records, uses[k].element_bytes, {});
    held += std::min_element(plans.begin(), plans.end(), [](const auto& a, const auto& b) {
              return a.held_bytes < b.held_bytes;
            })->held_bytes;
    most = std::max(most, held + uses[k].bytes_before);
  }
  return most;
}

}  // namespace sotto::optim

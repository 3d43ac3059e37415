#pragma once
// What `sotto plan` was asked, checked: the data, the model's size, the budget, and the settings to compare. Nothing
// here computes.

#include <sotto/privacy/budget.h>
#include <sotto/tools/account_flags.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace sotto::tools {

// A step that was timed, for example by sotto bench step.
struct MeasuredStep {
  double seconds = 0;  // finite, > 0
  int64_t batch = 0;   // >= 1
};

// What an optimizer keeps beside each trained parameter: 1 number for sgd (its velocity), 2 for adam and adamw (means
// of gradients and of squares).
struct OptimizerState {
  std::string_view name = "sgd";
  std::string_view what = "velocity";
  int copies = 1;
};

inline constexpr int64_t kMostPlanRows = 256;

struct PlanQuestion {
  int64_t dataset_size = 0;       // declared, 1 .. 2^53
  int64_t parameters = 0;         // trained ones, 1 .. 2^53
  privacy::PrivacyBudget budget;  // delta: what sotto train takes where none is given
  double clip_norm = 0;           // finite, > 0
  std::vector<int64_t> batches;   // expected sizes, growing, 1 .. dataset_size
  bool in_epochs = true;          // what `lengths` counts: epochs, or steps
  std::vector<int64_t> lengths;   // growing, from 1
  std::optional<MeasuredStep> measured;
  std::optional<double> time_limit;  // seconds of a whole run; only with `measured`
  OptimizerState optimizer;
};

// Gives `command` its flags; they are stored in `flags` when parsed.
void add_plan_flags(CLI::App& command, const std::shared_ptr<AccountFlags>& flags);

// Throws UsageError naming the flag for what is missing, out of range, contradictory or without effect, and for more
// than kMostPlanRows rows. Repeated values count once.
PlanQuestion read_plan_question(const AccountFlags& flags);

// The batches taken where none are given: the number of records where that is at most 2^17, and the eight powers of two
// below the smaller of that number and 2^17.
std::vector<int64_t> batch_ladder(int64_t dataset_size);

}  // namespace sotto::tools

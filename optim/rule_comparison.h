#pragma once
// Tries on made-up records whether the per-record gradients of the tape are those of LibTorch's autograd with one
// record at a time: rules of the program are believed by the analysis (custom_rule.h), and what they say is not seen by
// the probe, which asks autograd.

#include <sotto/optim/tape.h>

#include <functional>
#include <string>
#include <vector>

namespace sotto::optim {

// A difference above this fraction of a gradient's norm is a wrong rule. Rounding stays far below in float; a few
// hundredths remain where layers run in bfloat16.
inline constexpr double kRuleTolerance = 0.05;
// A parameter's difference below this fraction of the largest norm of a record's whole gradient is rounding: terms that
// cancel leave nothing but that (the bias of attention's keys).
inline constexpr double kRuleFloor = 5e-3;

struct RuleComparison {
  std::vector<std::string> problems;  // empty: norms of all records and a weighted sum agree
  std::vector<std::string> notes;     // why nothing was compared
};

// Compared are the norm of every record's gradient, and for every parameter the sum of g_i / (i + 1) over the records.
// Random numbers are replaced by constants (constant_draws.h). `inputs` hold B >= 2 records each; costs their B forward
// and backward passes. What the run of the whole batch throws passes through; a failure of one record alone is a note.
RuleComparison compare_rules(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                             const std::vector<at::Tensor>& inputs,
                             const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                             TapeOptions options);

}  // namespace sotto::optim

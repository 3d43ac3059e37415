#pragma once
// Whether what a plan and a rule are to release can be released, before anything is drawn or charged.

#include <sotto/optim/named_parameter.h>
#include <sotto/optim/weight_rule.h>
#include <sotto/privacy/plan.h>

#include <filesystem>
#include <optional>
#include <vector>

namespace sotto::optim {

// What the constructor of PrivateTraining asks of a plan and a rule, for those who have work to do before. Throws
// UsageError for noise that does not fit its number format, for an epsilon so large that the farthest tail of the
// noise, which the generator cannot reach, would count, and for a rule that does not go with the plan's kind of noise.
void check_planned_release(const std::vector<NamedParameter>& parameters, const privacy::PrivacyPlan& plan,
                           const WeightRule& rule);

// Whether a run begins or goes on with a clip norm that its rule allows: one is given only where the rule is adaptive
// and the run is resumed, must be given once the ledger has a charge, and is within the rule's range. Throws UsageError
// otherwise, and LedgerError as privacy/ledger_contents.h says.
void check_clip_norm(const WeightRule& rule, bool resume, const std::optional<double>& given,
                     const std::filesystem::path& ledger);

}  // namespace sotto::optim

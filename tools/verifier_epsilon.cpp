// Whether the epsilon that is claimed is one that can be proven: for the run alone, or for the tuning that chose it.

#include <fmt/format.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/recomputed_epsilon.h>
#include <sotto/tools/verifier.h>

#include <algorithm>

namespace sotto::tools {

// The record of a tuning, the certificate and the ledger tell of the same one, and this is the run that it returned.
Verifier::Finding Verifier::tuning() {
  tuning_ = tuning_record_of(folder_);
  if (!tuning_) {
    if (result_.certificate && result_.certificate->selection)
      throw Fails{"the certificate is of the best of several runs, and tuning.json, which says of which, is missing"};
    return nothing("a run of its own");
  }
  if (lies_in_tuning(folder_))
    throw Fails{
        "this is one of the runs in the working folder of a tuning, which are told to nobody: only what the tuning "
        "returns may be quoted"};
  if (result_.ledger) {
    const privacy::LedgerHeader& h = result_.ledger->header;
    if (!is_of(*tuning_, h.event, h.steps, h.delta))
      throw Fails{"tuning.json planned another sampling rate, noise, number of steps or delta than the ledger"};
  }
  if (result_.certificate && result_.certificate->selection != certified(*tuning_))
    throw Fails{"tuning.json tells of another law, score or number of candidates than the certificate"};
  return fmt::format("the best of a number of runs from {}, each one of {}", privacy::to_text(tuning_->runs),
                     count(static_cast<int64_t>(tuning_->candidates.size()), "candidate"));
}

Verifier::Finding Verifier::tuned_epsilon_holds() {
  const privacy::LedgerContents& l = *result_.ledger;
  const auto bound = [&](const privacy::Phases& releases) {
    return tuned_epsilon(*tuning_, *l.header.adjacency, releases);
  };
  const double of_plan = bound({{l.header.event, l.header.steps}});
  const auto shown = [](double epsilon) { return format_rounded_up(epsilon, kShownDigits); };
  if (!result_.certificate) return fmt::format("{} for the whole tuning, at delta {}", shown(of_plan), l.header.delta);
  const privacy::Certificate& c = *result_.certificate;
  const auto claim_of = [&](const char* which, double claimed, double found) {
    if (found > claimed)
      throw Fails{
          fmt::format("the certificate claims {} for the {} steps and their choice among other runs, and no "
                      "less than {} is proven",
                      claimed, which, shown(found))};
  };
  claim_of("planned", c.planned.epsilon, of_plan);
  if (result_.current && c.executed.steps < c.planned.steps)
    claim_of("executed", c.executed.epsilon, std::min(bound(l.spent), of_plan));
  return fmt::format("{} for the planned steps and their choice among other runs, recomputed: {}",
                     privacy::certificate_text::rounded_up(c.planned.epsilon), shown(of_plan));
}

Verifier::Finding Verifier::epsilon() {
  if (!result_.ledger) return nothing("it is computed from the ledger");
  if (result_.code() == ExitCode::ledger_refused) return nothing("not computed from a ledger that does not hold");
  const privacy::LedgerContents& l = *result_.ledger;
  if (!l.header.keys_are_secret) return nothing("there is none: NOT PRIVATE");
  if (tuning_) return tuned_epsilon_holds();
  if (result_.certificate && result_.certificate->selection) return nothing("it rests on tuning.json");
  privacy::Phases planned = {{l.header.event, l.header.steps}};
  if (const auto& e = l.header.evaluations) planned.push_back({event_of(*e), e->count});
  const RecomputedEpsilon of_plan = recompute(planned);
  if (!result_.certificate) {
    const RecomputedEpsilon spent = recompute(l.spent);
    return fmt::format("{} for the {} charged so far, {} for all that are planned, at delta {}",
                       format_rounded_up(spent.upper, kShownDigits), count(l.steps_charged(), "step"),
                       format_rounded_up(of_plan.upper, kShownDigits), l.header.delta);
  }
  const privacy::Certificate& c = *result_.certificate;
  claim("planned", of_plan, c.planned.epsilon);
  const bool all_evaluated = !c.evaluations || c.evaluations->executed == c.evaluations->planned;
  if (result_.current && (c.executed.steps < c.planned.steps || !all_evaluated)) {
    // Fewer of the same steps lose no more, whatever the width of the brackets.
    RecomputedEpsilon spent = recompute(l.spent);
    spent.upper = std::min(spent.upper, of_plan.upper);
    claim("executed", spent, c.executed.epsilon);
  }
  return fmt::format(
      "{} for the planned steps{}, recomputed: {}{}", privacy::certificate_text::rounded_up(c.planned.epsilon),
      l.header.evaluations ? " and evaluations" : "", of_plan.text(),
      l.header.event.lattice ? ", by Renyi accounting alone: no other engine bounds discrete noise" : "");
}

RecomputedEpsilon Verifier::recompute(const privacy::Phases& phases) const {
  return recomputed_epsilon({result_.ledger->header.adjacency, {}, privacy::Event(phases)},
                            result_.ledger->header.delta);
}

void Verifier::claim(const char* which, const RecomputedEpsilon& found, double epsilon) {
  if (found.refutes(epsilon))
    throw Fails{fmt::format("the certificate claims {} for the {} steps, which lose at least {}: {}", epsilon, which,
                            format_rounded_down(found.lower, kShownDigits), found.text())};
  if (!found.proves(epsilon))
    throw Fails{fmt::format("the certificate claims {} for the {} steps, and no engine proves less than {}: {}",
                            epsilon, which, format_rounded_up(found.upper, kShownDigits), found.text())};
}

}  // namespace sotto::tools

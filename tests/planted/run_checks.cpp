#include <sotto/privacy/accountant.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/recomputed_epsilon.h>
#include <sotto/tools/verification.h>

#include <fstream>

#include "../privacy/golden_table.h"
#include "../tools/run_in_files.h"
#include "detectors.h"

namespace sotto::testing {
namespace {

using namespace sotto::privacy;
using tools::testing::RunInFiles;

void holds(const RunInFiles& run) {
  for (const tools::Check& check : tools::verify_run(run.folder()).checks)
    demand(check.outcome != tools::Check::Outcome::fails, check.subject + ": " + check.text);
}

void fails(const std::string& what, const RunInFiles& run) {
  demand(!tools::verify_run(run.folder()).holds(), what + " was not found by the verification");
}

// Folders that the code as it is wrote, true ones and false ones.
void folders() {
  const RunInFiles run;
  holds(run);
  holds(RunInFiles({.charged = 4, .with_certificate = false}));
  holds(RunInFiles({.evaluations = PlannedEvaluations{2, 20}, .evaluated = 2}));
  const double epsilon = run.plan().epsilon();
  fails("a claim of half the epsilon", RunInFiles({.claimed = epsilon / 2}));
  fails("half the noise", RunInFiles({.charged_noise = 0.55, .with_certificate = false}));
  fails("a run with keys from a seed", RunInFiles({.secret = false}));
  {
    const RunInFiles without_mark({.secret = false});
    std::filesystem::remove(without_mark.folder().not_private());
    const tools::Verification found = tools::verify_run(without_mark.folder());
    const auto privacy = std::ranges::find(found.checks, std::string("privacy"), &tools::Check::subject);
    demand(privacy != found.checks.end() && privacy->outcome == tools::Check::Outcome::fails,
           "a run with keys from a seed whose mark was removed passes for private");
  }
  {
    const RunInFiles other_weights;
    std::ofstream(other_weights.folder().model(), std::ios::app) << "x";
    fails("a model that was changed", other_weights);
  }
  {
    const RunInFiles adaptive({.count_noise = 3});
    holds(adaptive);
    fails("a count with less noise than the noise multiplier allows",
          RunInFiles({.with_certificate = false, .count_noise = 0.5}));
    Certificate less = adaptive.certificate(read_ledger(adaptive.folder().ledger()));
    less.adaptive_clipping->gradient_noise_multiplier = less.noise_multiplier;
    must_be_refused<UsageError>("a certificate whose two noises are less together than it says",
                                [&] { validate(less); });
  }
  // What the certificate says in words is not below what the engines prove.
  const std::string words = statement(run.certificate(read_ledger(run.folder().ledger())));
  const double stated = std::stod(words.substr(words.find(" is (") + 5));
  demand(stated >=
             tools::recomputed_epsilon({Adjacency::add_remove, {}, Phases{{run.plan().step_event(), 6}}}, 1e-5).lower,
         "the statement of the certificate is below what the run loses");
}

void engines() {
  const AccountedEvents sampled{Adjacency::add_remove, {}, Phases{{{0.01, Gaussian{1.0}}, 1000}}};
  tools::recomputed_epsilon(sampled, 1e-5);  // throws where they contradict each other
  const AccountedEvents plain{Adjacency::add_remove, {}, Phases{{{1.0, Gaussian{0.5}}, 4}}};
  tools::recomputed_epsilon(plain, 1e-5);
  // accounting.md, section 1.2: one batch of 10 of 1000 without replacement loses this at least.
  const AccountedEvents without{Adjacency::replace_one, {}, WithoutReplacement{10, 1000, Gaussian{1.0}}};
  demand(make_accountant(Method::pld, without)->delta(1).upper >= 2.736e-4,
         "sampling without replacement has a delta below a proven one");
}

// Rows of the published table whose brackets take no time.
void published() {
  int rows = 0;
  for (const GoldenRow& row : read_golden("golden_composed.csv")) {
    const std::string parameters = row.text("q") + row.text("sigma") + row.text("T");
    if (parameters.find('/') != std::string::npos || row.text("eps_max").empty() || row.number("T") > 1000) continue;
    const PoissonSampled step{row.number("q"), Gaussian{row.number("sigma")}};
    const auto steps = static_cast<int64_t>(row.number("T"));
    const double delta = row.number("delta"), epsilon = row.number("eps_max"), tolerance = row.number("tol");
    const Bracket found = certified_epsilon({Adjacency::add_remove, {}, Phases{{step, steps}}}, delta).bracket;
    demand(found.upper >= epsilon - tolerance && found.lower <= epsilon + tolerance,
           row.text("label") + ": epsilon " + std::to_string(found.upper) + ", published " + std::to_string(epsilon));
    if (++rows == 4) break;
  }
  const PrivacyPlan plan({.adjacency = Adjacency::add_remove,
                          .dataset_size = 1000,
                          .expected_batch_size = 10,
                          .steps = 1000,
                          .delta = 1e-5,
                          .noise_multiplier = 1});
  demand(plan.epsilon() >= 1.8282366665165768,
         "a plan states epsilon " + std::to_string(plan.epsilon()) + ", published is 1.828237 (q.01 s1 T1e3)");
}

}  // namespace

Notice checks() {
  return noticed_by([] {
    engines();
    published();
    folders();
  });
}

}  // namespace sotto::testing

// What `sotto verify` makes of a run with evaluations on private records.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <string>

#include "run_in_files.h"
#include "verified_files.h"

namespace sotto::tools {
namespace {

using testing::failures, testing::of, testing::RunInFiles;
using ::testing::HasSubstr;

RunInFiles::Options evaluated(std::int64_t made = 2) {
  return {.evaluations = privacy::PlannedEvaluations{2, 20}, .evaluated = made};
}

void tell(const RunInFiles& run, const std::string& lines) {
  std::ofstream(run.folder().metrics(), std::ios::trunc) << lines;
}

TEST(Verification, OfARunWithPrivateMetricsHoldsAndRecomputesThemIntoEpsilon) {
  const RunInFiles run(evaluated());
  const Verification found = verify_run(run.folder());
  EXPECT_THAT(failures(found), ::testing::IsEmpty());
  EXPECT_TRUE(found.finished());
  EXPECT_THAT(of(found, "steps").text, HasSubstr("2 of 2 planned evaluations on private records, noise multiplier 20"));
  EXPECT_THAT(of(found, "epsilon").text, HasSubstr("planned steps and evaluations, recomputed: "));
  EXPECT_THAT(of(found, "epsilon").text, HasSubstr("contour ["));
  // The claim of the steps alone does not cover them.
  RunInFiles::Options of_steps = evaluated();
  of_steps.claimed = run.plan().epsilon_of_steps();
  EXPECT_THAT(failures(verify_run(RunInFiles(of_steps).folder()))["epsilon"], HasSubstr("which lose at least"));
}

TEST(Verification, MoreToldOfPrivateRecordsThanWasChargedIsNoticed) {
  const auto failure = [](std::int64_t charged, const std::string& lines) {
    RunInFiles::Options options = evaluated(charged);
    options.with_certificate = false;
    const RunInFiles run(options);
    tell(run, lines);
    return failures(verify_run(run.folder()))["metrics"];
  };
  const std::string first = "{\"step\":3,\"private_evaluation\":1,\"private_accuracy\":0.5}\n";
  const std::string second = "{\"step\":6,\"private_evaluation\":2,\"private_accuracy\":0.6}\n";
  EXPECT_EQ(failure(2, first + second), "");
  EXPECT_EQ(failure(2, second), "");  // one that a crash lost
  EXPECT_THAT(failure(1, first + second), HasSubstr("they tell of evaluation 2 of the private records"));
  EXPECT_THAT(failure(0, first), HasSubstr("they tell of evaluation 1 of the private records"));
  EXPECT_THAT(failure(2, first + first), HasSubstr("one charge, more than one release"));
  EXPECT_THAT(failure(2, "{\"step\":3,\"private_accuracy\":0.5}\n"), HasSubstr("not by which evaluation"));
  EXPECT_THAT(failure(2, "{\"step\":6}\n{\"step\":3}\n"), HasSubstr("a step after a later one"));
  EXPECT_THAT(failure(2, "{\"step\":18446744073709551615}\n"), HasSubstr("no run reaches that"));
  const RunInFiles none({.with_certificate = false});
  tell(none, first);
  EXPECT_THAT(failures(verify_run(none.folder()))["metrics"], HasSubstr("they tell of evaluation 1"));
}

TEST(Verification, ARunThatEndedByItselfIsFinishedAndMayNotGoOn) {
  RunInFiles::Options options = evaluated(2);
  options.charged = 4;
  options.stopped = 1;
  const RunInFiles run(options);
  const Verification found = verify_run(run.folder());
  EXPECT_THAT(failures(found), ::testing::IsEmpty());
  EXPECT_TRUE(found.finished());
  privacy::Ledger::open(run.folder().ledger(), RunInFiles::keys(9));
  EXPECT_THAT(failures(verify_run(run.folder()))["head"], HasSubstr("a run that ended by itself"));
}

// The deviation of these accuracies is sqrt(2) 20 / 1000 = 0.0283.
TEST(Verification, AnEarlyStopIsFollowedByItsRuleOnceMore) {
  const auto failure = [](std::initializer_list<double> accuracies) {
    RunInFiles::Options options = evaluated(3);
    options.evaluations->count = 3;
    options.charged = 4;
    options.stopped = 1;
    const RunInFiles run(options);
    std::string lines;
    std::int64_t number = 0;
    for (const double accuracy : accuracies) {
      ++number;
      lines += fmt::format("{{\"step\":{0},\"private_evaluation\":{0},\"private_accuracy\":{1}}}\n", number, accuracy);
    }
    tell(run, lines);
    return failures(verify_run(run.folder()))["metrics"];
  };
  EXPECT_EQ(failure({0.5, 0.528}), "");
  EXPECT_EQ(failure({0.5, 0.529, 0.557}), "");
  EXPECT_THAT(failure({0.5, 0.529}), HasSubstr("did not end where the rule of --stop-early ends it"));
  EXPECT_THAT(failure({0.5, 0.528, 0.528}), HasSubstr("did not end where the rule of --stop-early ends it"));
  EXPECT_THAT(failure({0.5}), HasSubstr("did not end where the rule of --stop-early ends it"));
  EXPECT_THAT(failure({}), HasSubstr("did not end where the rule of --stop-early ends it"));
}

TEST(Verification, ACertificateOfOtherEvaluationsThanTheLedgerIsNoticed) {
  const auto subject = [](auto change, const char* name) {
    RunInFiles::Options options = evaluated(1);
    options.with_certificate = false;
    const RunInFiles run(options);
    privacy::Ledger ledger = privacy::Ledger::open(run.folder().ledger(), RunInFiles::keys(9));
    privacy::Certificate c = run.certificate(ledger.contents());
    change(c);
    RunInFiles::write_certificate(run.folder(), c, ledger);
    return failures(verify_run(run.folder()))[name];
  };
  EXPECT_THAT(subject([](auto& c) { c.evaluations->planned = 3; }, "certificate"), HasSubstr("plan of evaluations"));
  EXPECT_THAT(subject([](auto& c) { c.evaluations->noise_multiplier = 21; }, "certificate"),
              HasSubstr("plan of evaluations"));
  EXPECT_THAT(subject([](auto& c) { c.evaluations.reset(); }, "certificate"), HasSubstr("plan of evaluations"));
  EXPECT_THAT(subject([](auto& c) { c.evaluations->executed = 0; }, "head"), HasSubstr("had charged 1 by then"));
}

}  // namespace
}  // namespace sotto::tools

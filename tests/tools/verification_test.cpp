// What `sotto verify` makes of a run that is whole, and of one that is not what it says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "run_in_files.h"
#include "verified_files.h"

namespace sotto::tools {
namespace {

using testing::content, testing::failures, testing::of, testing::put, testing::RunInFiles;
using ::testing::HasSubstr;

TEST(Verification, OfAWholeRunHolds) {
  const RunInFiles run;
  const Verification found = verify_run(run.folder());
  EXPECT_THAT(failures(found), ::testing::IsEmpty());
  EXPECT_TRUE(found.holds());
  EXPECT_TRUE(found.finished());
  EXPECT_EQ(found.code(), ExitCode::done);
  EXPECT_THAT(of(found, "ledger").text, HasSubstr("12 records in one chain, 6 steps charged"));
  EXPECT_THAT(of(found, "keys").text, HasSubstr("2 starts"));
  EXPECT_THAT(of(found, "files").text, HasSubstr("3 files"));
}

// Two engines that share no arithmetic bracket the figure.
TEST(Verification, RecomputesEpsilonByTwoEngines) {
  const RunInFiles run;
  const Verification found = verify_run(run.folder());
  EXPECT_THAT(of(found, "epsilon").text, HasSubstr("pld ["));
  EXPECT_THAT(of(found, "epsilon").text, HasSubstr("contour ["));
}

// A certificate that is whole in itself, with a figure that is too small.
TEST(Verification, AClaimThatIsTooSmallIsRefuted) {
  const RunInFiles truth;
  const double epsilon = truth.plan().epsilon();
  for (const double claimed : {0.5 * epsilon, epsilon - 0.01}) {
    const RunInFiles run({.claimed = claimed});
    const Verification found = verify_run(run.folder());
    EXPECT_EQ(found.code(), ExitCode::bad_data);
    EXPECT_THAT(failures(found)["epsilon"], HasSubstr("which lose at least"));
  }
  EXPECT_TRUE(verify_run(RunInFiles({.claimed = epsilon + 0.01}).folder()).holds()) << "a weaker claim is true";
}

TEST(Verification, ConfigurationThatDeclaresOtherwiseIsNoticedWithoutItsHash) {
  for (const auto& [from, to] : {std::pair{"dataset-size = 1000", "dataset-size = 2000"},
                                 {"batch = 50", "batch = 25"},
                                 {"steps = 6", "steps = 3"},
                                 {"delta = 1e-05", "delta = 1e-06"},
                                 {"noise-multiplier = 1.1", "noise-multiplier = 2.2"},
                                 {"clip-norm = 0.5", "clip-norm = 5.0"}}) {
    const RunInFiles run({.charged = 4, .with_certificate = false});
    std::string text = content(run.folder().config());
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " in " << text;
    put(run.folder().config(), text.replace(at, std::string(from).size(), to));
    const Verification found = verify_run(run.folder());
    EXPECT_EQ(found.code(), ExitCode::bad_data) << from;
    EXPECT_TRUE(failures(found).contains("configuration")) << from;
  }
}

// Also where the hash is not in a certificate: the checkpoint knows what the run declared.
TEST(Verification, AnyDeclaredOptionThatChangedIsNoticed) {
  const RunInFiles run({.charged = 4, .with_certificate = false});
  std::string text = content(run.folder().config());
  put(run.folder().config(), text + "\nclasses = 7\n");
  EXPECT_THAT(failures(verify_run(run.folder()))["configuration"], HasSubstr("is another than when the run began"));
  put(run.folder().config(), text + "\nlr = 0.25\n");
  EXPECT_TRUE(verify_run(run.folder()).holds()) << "a learning rate may change";
  put(run.folder().config(), "no TOML");
  EXPECT_EQ(verify_run(run.folder()).code(), ExitCode::bad_data);
}

TEST(Verification, ACertificateOfTheFirstSchemaDoesNotGoWithALedgerOfTheSecond) {
  const RunInFiles run;
  privacy::Certificate certificate = privacy::parse_certificate(content(run.folder().certificate()));
  certificate.schema = 1;
  certificate.run.clear();
  certificate.files.clear();
  put(run.folder().certificate(), privacy::to_json(certificate));
  EXPECT_THAT(failures(verify_run(run.folder()))["certificate"], HasSubstr("schema 1"));
}

// Whole in itself, with sentences that agree: only the ledger knows that it is not the one that was written.
TEST(Verification, ACertificateThatWasWrittenAnewByHandIsNoticed) {
  const RunInFiles run;
  const privacy::Certificate honest = privacy::parse_certificate(content(run.folder().certificate()));
  for (int change = 0; change < 3; ++change) {
    privacy::Certificate certificate = honest;
    if (change == 0) certificate.not_covered.pop_back();
    if (change == 1) certificate.input_scaling = "not at all";
    if (change == 2) certificate.files["model.safetensors"] = std::string(64, 'a');
    put(run.folder().certificate(), privacy::to_json(certificate));
    const Verification found = verify_run(run.folder());
    EXPECT_EQ(found.code(), ExitCode::bad_data) << change;
    EXPECT_TRUE(failures(found).contains("head")) << change;
  }
}

// A ledger without a certificate that was cut behind its checkpoint: what was evaluated since tells.
TEST(Verification, MetricsOfAStepThatIsNotChargedAreNoticed) {
  const RunInFiles run({.charged = 4, .with_certificate = false});
  put(run.folder().metrics(), "{\"step\":4}\n{\"step\":5}\n");
  EXPECT_EQ(verify_run(run.folder()).code(), ExitCode::ledger_refused);
  put(run.folder().metrics(), "{\"step\":4}\n{\"st");
  EXPECT_TRUE(verify_run(run.folder()).holds());
}

TEST(Verification, AnUnfinishedRunHoldsAsFarAsItGoes) {
  const RunInFiles run({.charged = 4, .with_certificate = false});
  const Verification found = verify_run(run.folder());
  EXPECT_TRUE(found.holds());
  EXPECT_FALSE(found.finished());
  EXPECT_THAT(of(found, "epsilon").text, HasSubstr("for the 4 steps charged so far"));
  put(run.folder().ledger(), content(run.folder().ledger()) + R"({"record":"reserve","step":4,"rel)");
  const Verification torn = verify_run(run.folder());
  EXPECT_TRUE(torn.holds());
  EXPECT_THAT(of(torn, "ledger").text, HasSubstr("5 steps charged; the last record is torn and counts as 1 step"));
}

// Stopped, so that there is a certificate, and gone on with since.
TEST(Verification, ARunThatWentOnAfterItsCertificateHoldsAndIsNotFinished) {
  const RunInFiles run({.charged = 4});
  EXPECT_FALSE(verify_run(run.folder()).finished());
  {
    privacy::Ledger ledger = privacy::Ledger::open(run.folder().ledger(), RunInFiles::keys(3));
    ledger.reserve(ledger.next_step(), run.plan().step_event(), 0.5, RunInFiles::keys(3).noise_key);
  }
  const Verification found = verify_run(run.folder());
  EXPECT_TRUE(found.holds());
  EXPECT_FALSE(found.finished());
  EXPECT_THAT(of(found, "head").text, HasSubstr("went on for 1 step"));
}

TEST(Verification, ARunThatIsNotPrivateFails) {
  const RunInFiles run({.secret = false});
  const Verification found = verify_run(run.folder());
  EXPECT_EQ(found.code(), ExitCode::bad_data);
  EXPECT_THAT(failures(found)["privacy"], HasSubstr("NOT PRIVATE: a seed"));
  std::filesystem::remove(run.folder().not_private());
  EXPECT_THAT(failures(verify_run(run.folder()))["privacy"], HasSubstr("NOT_PRIVATE.txt, which says so, is missing"));
  std::filesystem::remove(run.folder().ledger());
  std::filesystem::remove(run.folder().certificate());
  put(run.folder().not_private(), "NOT PRIVATE: without noise\n");
  EXPECT_EQ(verify_run(run.folder()).code(), ExitCode::bad_data) << "rule none";
}

TEST(Verification, OfAFolderWithoutARunIsRefused) {
  const sotto::testing::ScratchFolder empty;
  EXPECT_THROW(verify_run(RunFolder(empty.path())), UsageError);
}

}  // namespace
}  // namespace sotto::tools

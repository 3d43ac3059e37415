// What `sotto verify` makes of a run that is whole, and of one that is not what it says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/signature.h>

#include <cstdlib>
#include <fstream>
#include <functional>

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

// Hazard 6: the noise that was drawn is not the noise of the certificate.
TEST(Verification, OtherNoiseThanPlannedIsNoticed) {
  const RunInFiles run({.charged_noise = 0.55});
  const Verification found = verify_run(run.folder());
  EXPECT_EQ(found.code(), ExitCode::ledger_refused);
  EXPECT_THAT(failures(found)["steps"], HasSubstr("another noise"));
}

TEST(Verification, OfARunWithDiscreteNoiseHoldsByRenyiAccountingAlone) {
  const RunInFiles run({.noise = privacy::Noise::discrete});
  const Verification found = verify_run(run.folder());
  EXPECT_THAT(failures(found), ::testing::IsEmpty());
  EXPECT_TRUE(found.finished());
  EXPECT_THAT(of(found, "steps").text, HasSubstr("of discrete noise, the root of 21286545113744 / 17592186044416"));
  EXPECT_THAT(of(found, "epsilon").text, HasSubstr("rdp [0"));
  EXPECT_THAT(of(found, "epsilon").text, HasSubstr("by Renyi accounting alone"));
  EXPECT_THAT(of(found, "epsilon").text, ::testing::Not(HasSubstr("pld")));
  EXPECT_THAT(of(found, "epsilon").text, ::testing::Not(HasSubstr("contour")));
}

TEST(Verification, OtherDiscreteNoiseThanPlannedIsNoticed) {
  for (const double charged : {0.55, 1.0999999999}) {
    const Verification found =
        verify_run(RunInFiles({.charged_noise = charged, .noise = privacy::Noise::discrete}).folder());
    EXPECT_EQ(found.code(), ExitCode::ledger_refused);
    EXPECT_THAT(failures(found)["steps"], HasSubstr("another noise"));
  }
}

// The figure of normal noise, which is smaller, is not that of discrete noise; and the kind of noise is in all places.
TEST(Verification, DiscreteNoiseDoesNotPassForNormalNoise) {
  const double normal = RunInFiles().plan().epsilon();
  const RunInFiles discrete({.noise = privacy::Noise::discrete});
  ASSERT_LT(normal, discrete.plan().epsilon());
  const RunInFiles claimed({.claimed = normal, .noise = privacy::Noise::discrete});
  EXPECT_THAT(failures(verify_run(claimed.folder()))["epsilon"], HasSubstr("no engine proves less"));

  for (const privacy::Noise noise : {privacy::Noise::normal, privacy::Noise::discrete}) {
    const RunInFiles run({.with_certificate = false, .noise = noise});
    privacy::Ledger ledger = privacy::Ledger::open(run.folder().ledger(), RunInFiles::keys(3));
    privacy::Certificate other = RunInFiles({.noise = noise}).certificate(ledger.contents());
    if (noise == privacy::Noise::discrete) {
      other.lattice.reset();
    } else {
      other.lattice = privacy::LatticeNoise{100, 121};
      other.noise_multiplier = privacy::lattice_step(1, *other.lattice).mechanism.noise_multiplier;
    }
    RunInFiles::write_certificate(run.folder(), other, ledger);
    EXPECT_TRUE(failures(verify_run(run.folder())).contains("certificate"));
  }

  const RunInFiles run({.charged = 4, .with_certificate = false, .noise = privacy::Noise::discrete});
  std::string text = content(run.folder().config());
  const std::string from = "noise = \"discrete\"";
  ASSERT_NE(text.find(from), std::string::npos) << text;
  put(run.folder().config(), text.replace(text.find(from), from.size(), "noise = \"normal\""));
  EXPECT_TRUE(failures(verify_run(run.folder())).contains("configuration"));
}

TEST(Verification, OfARunWithAdaptiveClippingTellsBothNoises) {
  const RunInFiles run({.count_noise = 3});
  const Verification found = verify_run(run.folder());
  EXPECT_THAT(failures(found), ::testing::IsEmpty());
  EXPECT_TRUE(found.finished());
  // (1.1^-2 - 6^-2)^(-1/2)
  EXPECT_THAT(of(found, "steps").text, HasSubstr("noise multiplier 1.1, of which the count has 3 and the sum 1.1189"));
  EXPECT_THAT(of(found, "certificate").text, HasSubstr("follows from the noises of sum and count"));
}

TEST(Verification, NoiseOfACountThatSpendsMoreThanIsStatedIsNoticed) {
  for (const double noise : {0.1, 0.5, 0.55}) {
    const Verification found = verify_run(RunInFiles({.with_certificate = false, .count_noise = noise}).folder());
    EXPECT_EQ(found.code(), ExitCode::ledger_refused) << noise;
    EXPECT_THAT(failures(found)["steps"], HasSubstr("count")) << noise;
  }
}

// A certificate that is whole in itself, of another count than the ledger's; and one of the rule flat.
TEST(Verification, AdaptiveClippingOfTheCertificateIsTheLedgers) {
  const auto fails = [](const std::function<void(privacy::Certificate&)>& change) {
    const RunInFiles run({.with_certificate = false, .count_noise = 3});
    privacy::Ledger ledger = privacy::Ledger::open(run.folder().ledger(), RunInFiles::keys(3));
    privacy::Certificate other = run.certificate(ledger.contents());
    change(other);
    RunInFiles::write_certificate(run.folder(), other, ledger);
    EXPECT_THAT(failures(verify_run(run.folder()))["certificate"], HasSubstr("than the ledger"));
  };
  fails(
      [](privacy::Certificate& c) { c.adaptive_clipping->count_noise = c.weight_rule_parameters["count_noise"] = 4; });
  fails([](privacy::Certificate& c) { c.weight_rule_parameters["quantile"] = 0.9; });
  fails([](privacy::Certificate& c) { c.weight_rule_parameters["rate"] = 0.1; });
  fails([](privacy::Certificate& c) {
    c.weight_rule = "flat";
    c.adaptive_clipping.reset();
  });
}

TEST(Verification, ConfigurationOfAdaptiveClippingIsTheLedgers) {
  for (const auto& [from, to] : {std::pair{"clip-quantile = 0.5", "clip-quantile = 0.9"},
                                 {"clip-rate = 0.2", "clip-rate = 0.1"},
                                 {"count-noise = 3.0", "count-noise = 4.0"},
                                 {"rule = \"adaptive\"", "rule = \"flat\""}}) {
    const RunInFiles run({.charged = 4, .with_certificate = false, .count_noise = 3});
    std::string text = content(run.folder().config());
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " in " << text;
    put(run.folder().config(), text.replace(at, std::string(from).size(), to));
    EXPECT_THAT(failures(verify_run(run.folder()))["configuration"], HasSubstr("than the ledger")) << from;
  }
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

// With evaluations on private records.
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
  const RunInFiles none({.with_certificate = false});
  tell(none, first);
  EXPECT_THAT(failures(verify_run(none.folder()))["metrics"], HasSubstr("they tell of evaluation 1"));
}

TEST(Verification, ARunThatEndedByItselfIsFinishedAndMayNotGoOn) {
  RunInFiles::Options options = evaluated(1);
  options.charged = 4;
  options.stopped = 1;
  const RunInFiles run(options);
  const Verification found = verify_run(run.folder());
  EXPECT_THAT(failures(found), ::testing::IsEmpty());
  EXPECT_TRUE(found.finished());
  privacy::Ledger::open(run.folder().ledger(), RunInFiles::keys(9));
  EXPECT_THAT(failures(verify_run(run.folder()))["head"], HasSubstr("a run that ended by itself"));
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

TEST(Verification, AnAnchorOfATornLedgerIsOneOfItsLastCompleteRecord) {
  const RunInFiles run({.charged = 4, .with_certificate = false});
  put(run.folder().ledger(), content(run.folder().ledger()) + R"({"record":"reserve","step":4,"rel)");
  const std::filesystem::path kept = run.path().parent_path() / "kept";
  put(kept, to_json(anchor_of(privacy::read_ledger(run.folder().ledger()))));
  const VerifyOptions with_anchor{.public_key = {}, .anchor = kept};
  EXPECT_TRUE(verify_run(run.folder(), with_anchor).holds());
  privacy::Ledger::open(run.folder().ledger(), RunInFiles::keys(3));
  EXPECT_TRUE(verify_run(run.folder(), with_anchor).holds());
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

TEST(Verification, AnAnchorFromOutsideTellsALedgerThatWasWoundBack) {
  const RunInFiles run({.charged = 4, .with_certificate = false});
  const std::filesystem::path kept = run.path().parent_path() / "kept";
  put(kept, to_json(anchor_of(privacy::read_ledger(run.folder().ledger()))));
  const VerifyOptions with_anchor{.public_key = {}, .anchor = kept};
  EXPECT_TRUE(verify_run(run.folder(), with_anchor).holds());
  const std::string then = content(run.folder().ledger());
  {
    privacy::Ledger ledger = privacy::Ledger::open(run.folder().ledger(), RunInFiles::keys(3));
    ledger.reserve(ledger.next_step(), run.plan().step_event(), 0.5, RunInFiles::keys(3).noise_key);
    put(kept, to_json(anchor_of(ledger.contents())));
  }
  EXPECT_TRUE(verify_run(run.folder(), with_anchor).holds());
  put(run.folder().ledger(), then);  // the whole folder as it was
  EXPECT_TRUE(verify_run(run.folder()).holds()) << "from inside it cannot be seen";
  EXPECT_EQ(verify_run(run.folder(), with_anchor).code(), ExitCode::ledger_refused);

  put(kept, "{}\n");
  EXPECT_THROW(verify_run(run.folder(), with_anchor), DataError);
}

TEST(Verification, SignaturesAreThoseOfTheCertificate) {
  const RunInFiles run, other;
  const auto secret = run.path().parent_path() / "secret.pem", open = run.path().parent_path() / "public.pem";
  const auto shell = [](const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()); };
  ASSERT_EQ(shell("openssl genpkey -algorithm ed25519 -out " + secret.string()), 0);
  ASSERT_EQ(shell("openssl pkey -in " + secret.string() + " -pubout -out " + open.string()), 0);
  const VerifyOptions with_key{.public_key = open, .anchor = {}};
  EXPECT_THAT(failures(verify_run(run.folder(), with_key))["signature"], HasSubstr("there is no"));
  put(run.folder().signature(), privacy::sign(content(run.folder().certificate()), secret));
  EXPECT_TRUE(verify_run(run.folder(), with_key).holds());
  put(run.folder().signature(), privacy::sign(content(other.folder().certificate()), secret));
  EXPECT_EQ(verify_run(run.folder(), with_key).code(), ExitCode::bad_data);
  EXPECT_THROW(verify_run(run.folder(), {.public_key = secret, .anchor = {}}), UsageError);
}

TEST(Verification, OfAFolderWithoutARunIsRefused) {
  const sotto::testing::ScratchFolder empty;
  EXPECT_THROW(verify_run(RunFolder(empty.path())), UsageError);
}

TEST(LedgerAnchor, IsReadInItsExactTextOnly) {
  const LedgerAnchor anchor{"a run", 7, std::string(64, 'a')};
  const std::string text = to_json(anchor);
  EXPECT_EQ(text, R"({"sotto_anchor":1,"run":"a run","steps":7,"head_hash":")" + std::string(64, 'a') + "\"}\n");
  EXPECT_EQ(parse_anchor(text).steps, 7);
  for (const std::string& bad : {std::string(), std::string("{}"), text.substr(0, text.size() - 1), text + "\n",
                                 " " + text, std::string(text).replace(16, 1, "2")})
    EXPECT_THROW(parse_anchor(bad), DataError) << bad;
}

}  // namespace
}  // namespace sotto::tools

// What `sotto verify` makes of the noise of a run: normal, discrete, and of both parts of adaptive clipping.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>

#include "run_in_files.h"
#include "verified_files.h"

namespace sotto::tools {
namespace {

using testing::content, testing::failures, testing::of, testing::put, testing::RunInFiles;
using ::testing::HasSubstr;

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
                                 {"count-noise = 3", "count-noise = 4"},
                                 {"rule = \"adaptive\"", "rule = \"flat\""}}) {
    const RunInFiles run({.charged = 4, .with_certificate = false, .count_noise = 3});
    std::string text = content(run.folder().config());
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " in " << text;
    put(run.folder().config(), text.replace(at, std::string(from).size(), to));
    EXPECT_THAT(failures(verify_run(run.folder()))["configuration"], HasSubstr("than the ledger")) << from;
  }
}

}  // namespace
}  // namespace sotto::tools

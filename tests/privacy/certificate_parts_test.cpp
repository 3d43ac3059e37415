// What only some certificates state: the choice among several runs, discrete noise, adaptive clipping, and evaluations
// on private records. Their golden texts, too: whoever changes them must think about every word.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "certificate_sample.h"

namespace sotto::privacy {
namespace {

// Of what has to be finite and above 0.
constexpr double kOutOfRange[] = {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                                  std::numeric_limits<double>::infinity()};

TEST(Certificate, StatementOfTheBestOfSeveralRunsCoversTheChoice) {
  Certificate c = example();
  c.executed = c.planned;
  c.selection = {.runs = PoissonRuns{12}, .candidates = 6, .score = "accuracy on the test records"};
  EXPECT_EQ(
      statement(c),
      "Everything released from the noised gradient sums of this run, the trained model and all its checkpoints "
      "included, is (1.2501, 1e-05)-differentially private for the 1000 planned steps and its choice among other runs. "
      "Two data sets are neighbours when they differ by the addition or removal of one record; the unit of privacy is "
      "one record. Each step includes every record independently with probability 0.004 (256 expected of 64000 "
      "declared), limits the contribution of a record to norm 0.5 by the rule flat, and adds Gaussian noise of "
      "standard "
      "deviation 1.1 times that norm to every coordinate of the sum. The run is the one with the best accuracy on the "
      "test records among a number of runs that was drawn from the Poisson law with mean 12; each of them took its "
      "settings from 6 candidates that were fixed before, uniformly and with replacement, and was as private as this "
      "one. The epsilon is an upper bound for all of that, from the Renyi divergences of one run by theorem 6 of "
      "Papernot and Steinke (ICLR 2022); it holds only if this is the run that the selection returned, and of the "
      "others nothing is told, neither their number nor the time that they took. All planned steps were executed. "
      "Before training, records were scaled: pixels by a public constant. Not covered: the choice of hyper-parameters; "
      "the time that steps take.");
  EXPECT_EQ(parse_certificate(to_json(c)).selection, c.selection);
  c.selection->runs = TruncatedNegativeBinomial{0, 1.0 / 3};
  EXPECT_EQ(parse_certificate(to_json(c)).selection, c.selection);
  EXPECT_NE(statement(c).find("eta 0 and gamma 0.3333333333333333;"), std::string::npos) << statement(c);
  EXPECT_NE(statement(c).find("theorem 2 of"), std::string::npos);
}

TEST(Certificate, SelectionsOutOfRangeAreRefused) {
  Certificate c = example();
  const CertifiedSelection good{.runs = PoissonRuns{12}, .candidates = 6, .score = "accuracy"};
  c.selection = good;
  validate(c);
  c.selection->runs = PoissonRuns{};
  EXPECT_THROW(validate(c), UsageError);
  c.selection = good;
  c.selection->candidates = 0;
  EXPECT_THROW(validate(c), UsageError);
  c.selection = good;
  c.selection->score = "";
  EXPECT_THROW(validate(c), UsageError);
  c.selection = good;
  c.schema = 1;
  c.run = "";
  c.files = {};
  EXPECT_THROW(validate(c), UsageError);
}

Certificate on_a_lattice() {
  Certificate c = example();
  c.lattice = LatticeNoise{std::uint64_t{1} << 44, std::uint64_t{9} << 42};
  c.noise_multiplier = 1.5;
  c.not_covered = standard_exclusions(Noise::discrete);
  return c;
}

TEST(Certificate, StatementOfDiscreteNoiseSaysWhatItCovers) {
  const std::string text = statement(on_a_lattice());
  for (const char* part :
       {"limits the contribution of a record to norm 0.5 by the rule flat, scales and rounds it to integers whose "
        "squared "
        "norm, computed exactly, is at most 17592186044416, sums these integers exactly, and adds an exact sample of "
        "the "
        "discrete Gaussian law with variance parameter 39582418599936, the square of 1.5 times the largest norm, to "
        "every coordinate of the sum.",
        "the release is secure against attacks on the low-order bits of floating-point noise.",
        "the time that steps take", "how long the samples of the noise take to draw"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_EQ(text.find("the rounding of floating-point sums"), std::string::npos);
}

// The word is for discrete noise alone.
TEST(Certificate, NormalNoiseIsNeverCalledSecure) {
  Certificate c = example();
  c.not_covered = standard_exclusions();
  EXPECT_EQ(statement(c).find("secure"), std::string::npos);
  EXPECT_NE(statement(c).find("the rounding of floating-point sums and noise, and attacks on it"), std::string::npos);
}

TEST(Certificate, DiscreteNoiseSurvivesAndItsMultiplierFollowsFromTheIntegers) {
  const Certificate c = on_a_lattice();
  EXPECT_EQ(parse_certificate(to_json(c)).lattice, c.lattice);
  EXPECT_EQ(to_json(parse_certificate(to_json(c))), to_json(c));
  const auto refuses = [&](const std::function<void(Certificate&)>& change) {
    Certificate changed = c;
    change(changed);
    EXPECT_THROW(validate(changed), UsageError);
  };
  refuses([](auto& d) { d.noise_multiplier = std::nextafter(1.5, 2); });
  refuses([](auto& d) { --d.lattice->variance; });
  refuses([](auto& d) { ++d.lattice->squared_norm; });
  refuses([](auto& d) { d.lattice->variance = 0; });
  refuses([](auto& d) { d.lattice->squared_norm = 0; });
  refuses([](auto& d) { d.schema = 1, d.run = "", d.files = {}; });
}

Certificate with_adaptive_clipping() {
  Certificate c = example();
  c.weight_rule = "adaptive";
  c.weight_rule_parameters = {{"clip_norm", 0.5}, {"count_noise", 12.8}, {"quantile", 0.25}, {"rate", 0.2}};
  c.weight_rule_bound = 1;
  c.adaptive_clipping = CertifiedAdaptiveClipping{1.5, 12.8};
  c.noise_multiplier = 1.49;  // (1.5^-2 + 25.6^-2)^(-1/2) is 1.49743
  return c;
}

TEST(Certificate, StatementOfAdaptiveClippingSaysWhatBothNoisesAre) {
  const std::string text = statement(with_adaptive_clipping());
  EXPECT_NE(
      text.find("limits the contribution of a record to the clip norm of the step by the rule adaptive, and adds "
                "Gaussian noise of standard deviation 1.5 times that norm to every coordinate of the sum; it counts "
                "the records whose gradients have at most that norm, less half of the records that take part, and "
                "adds Gaussian noise of standard deviation 12.8 to the count. Sum and count, of the same records, "
                "are together one Gaussian release with noise multiplier 1.49, from which the epsilon is "
                "computed. The first clip norm is 0.5; every later one follows from the noised counts of the steps "
                "before it, moves towards the norm that a share of 0.25 of the gradients does not exceed, and may be "
                "published."),
      std::string::npos)
      << text;
}

TEST(Certificate, NoiseMultiplierOfAdaptiveClippingFollowsFromItsParts) {
  const Certificate c = with_adaptive_clipping();
  EXPECT_EQ(parse_certificate(to_json(c)).adaptive_clipping, c.adaptive_clipping);
  EXPECT_EQ(to_json(parse_certificate(to_json(c))), to_json(c));
  const auto refuses = [&](const std::function<void(Certificate&)>& change) {
    Certificate changed = c;
    change(changed);
    EXPECT_THROW(validate(changed), UsageError);
  };
  refuses([](auto& d) { d.noise_multiplier = 1.4975; });  // more than both have together
  refuses([](auto& d) { d.adaptive_clipping->gradient_noise_multiplier = 1.49; });
  refuses([](auto& d) { d.adaptive_clipping->count_noise = 12.7; });
  refuses([](auto& d) { d.adaptive_clipping->count_noise = d.weight_rule_parameters["count_noise"] = 1; });
  for (const double bad : kOutOfRange) {
    refuses([&](auto& d) { d.adaptive_clipping->gradient_noise_multiplier = bad; });
    refuses([&](auto& d) { d.adaptive_clipping->count_noise = d.weight_rule_parameters["count_noise"] = bad; });
    refuses([&](auto& d) { d.weight_rule_parameters["rate"] = bad; });
    refuses([&](auto& d) { d.weight_rule_parameters["quantile"] = bad; });
  }
  refuses([](auto& d) { d.weight_rule_parameters["quantile"] = 1; });
  for (const char* name : {"clip_norm", "count_noise", "quantile", "rate"})
    refuses([&](auto& d) { d.weight_rule_parameters.erase(name); });
  refuses([](auto& d) { d.clip_norm = 0.4; });
  refuses([](auto& d) { d.weight_rule_bound = 0.5; });
  refuses([](auto& d) { d.weight_rule = "flat"; });
  refuses([](auto& d) { d.adaptive_clipping.reset(); });
  refuses([](auto& d) { d.schema = 1, d.run = "", d.files = {}; });
  refuses([](auto& d) {
    d.lattice = LatticeNoise{100, 121};
    d.noise_multiplier = lattice_step(1, *d.lattice).mechanism.noise_multiplier;
  });
}

Certificate evaluated() {
  Certificate c = example();
  c.evaluations = CertifiedEvaluations{10, 7, 200, 4.5};
  return c;
}

TEST(Certificate, StatementOfARunWithPrivateMetricsSaysWhatWasReleasedAndThatItIsCovered) {
  const std::string text = statement(evaluated());
  EXPECT_NE(text.find("the trained model and all its checkpoints included, together with the noisy metrics of its "
                      "private records, is (1.2501, 1e-05)-differentially private for the 1000 planned steps and 10 "
                      "planned evaluations. "),
            std::string::npos)
      << text;
  EXPECT_NE(
      text.find("Besides the steps, 7 of 10 planned evaluations of the model on all private records were "
                "charged. Each sums two numbers of every record, the share of its labels that the model finds and "
                "its mean loss up to 4.5 as a share of 4.5, both divided by the square root of 2, so that one "
                "record contributes a vector of norm at most 1; Gaussian noise of standard deviation 200 is "
                "added to both sums. Metrics of private records that this run tells of follow from these sums "
                "and the declared size alone: the noise of an accuracy has standard deviation 0.004419. "),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("which may be quoted only if the stopping time did not depend"), std::string::npos);
  EXPECT_EQ(parse_certificate(to_json(evaluated())).evaluations, evaluated().evaluations);
}

TEST(Certificate, AfterAStopByItsOwnMetricsThePlannedFigureAloneMayBeQuoted) {
  Certificate c = evaluated();
  c.stopped_after_evaluations = 3;
  const std::string text = statement(c);
  EXPECT_NE(
      text.find(
          "The run ended by itself after 400 of the planned steps, since in 3 evaluations one after the other the "),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("the figure for what was executed, (0.9000, 1e-05), may not be quoted"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("may be quoted only if"), std::string::npos);
  EXPECT_NE(to_json(c).find("\"valid_only_if\": \"never: "), std::string::npos);
  EXPECT_EQ(parse_certificate(to_json(c)).stopped_after_evaluations, 3);
}

TEST(Certificate, EvaluationsOutOfRangeAreRefused) {
  const auto refuses = [](auto change) {
    Certificate c = evaluated();
    change(c);
    EXPECT_THROW(to_json(c), UsageError);
  };
  refuses([](auto& c) { c.evaluations->planned = 0; });
  refuses([](auto& c) { c.evaluations->planned = 1001; });
  refuses([](auto& c) { c.evaluations->executed = 11; });
  refuses([](auto& c) { c.evaluations->executed = -1; });
  for (const double bad : kOutOfRange) {
    refuses([=](auto& c) { c.evaluations->noise_multiplier = bad; });
    refuses([=](auto& c) { c.evaluations->largest_loss = bad; });
  }
  refuses([](auto& c) { c.stopped_after_evaluations = 0; });
  refuses([](auto& c) { c.stopped_after_evaluations = 2, c.executed.steps = c.planned.steps; });
  refuses([](auto& c) { c.stopped_after_evaluations = 2, c.evaluations.reset(); });
  refuses([](auto& c) {
    c.lattice = LatticeNoise{100, 121};
    c.noise_multiplier = lattice_step(1, *c.lattice).mechanism.noise_multiplier;
  });
  refuses([](auto& c) { c.schema = 1, c.run = "", c.files = {}; });
  refuses(
      [](auto& c) { c.selection = CertifiedSelection{.runs = PoissonRuns{12}, .candidates = 6, .score = "accuracy"}; });
}

}  // namespace
}  // namespace sotto::privacy

#include <gtest/gtest.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <random>

#include "../support/scratch_folder.h"

namespace sotto::privacy {
namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

Certificate example() {
  Certificate c;
  c.sotto_version = "0.1.0";
  c.run = "3a240727-ee10-4c65-9142-537ea3582d25";
  c.adjacency = Adjacency::add_remove;
  c.accountant_name = "rdp";
  c.accountant_version = "1";
  c.noise_multiplier = 1.1;
  c.sampling_rate = 256.0 / 64000;
  c.dataset_size_declared = 64000;
  c.expected_batch_size = 256;
  c.clip_norm = 0.5;
  c.weight_rule = "flat";
  c.weight_rule_parameters = {{"clip_norm", 0.5}};
  c.weight_rule_bound = 0.5;
  c.planned = {1000, 1.25001, 1e-5};
  c.executed = {400, 0.9, 1e-5};
  c.input_scaling = "pixels by a public constant";
  c.not_covered = {"the choice of hyper-parameters", "the time that steps take"};
  c.noise_generator = "ChaCha20";
  c.key_source = "operating system";
  c.files = {{"config.toml", std::string(64, 'b')}, {"encoder/config.json", std::string(64, 'c')}};
  c.ledger_records = 402;
  c.ledger_head_hash = std::string(64, 'a');
  return c;
}

// The golden texts: whoever changes them must think about every word.
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

TEST(Certificate, StatementIsCompleteForAStoppedRun) {
  EXPECT_EQ(
      statement(example()),
      "Everything released from the noised gradient sums of this run, the trained model and all its checkpoints "
      "included, is (1.2501, 1e-05)-differentially private for the 1000 planned steps. Two data sets are neighbours "
      "when they differ by the addition or removal of one record; the unit of privacy is one record. Each step "
      "includes every record independently with probability 0.004 (256 expected of 64000 declared), limits the "
      "contribution of a record to norm 0.5 by the rule flat, and adds Gaussian noise of standard deviation 1.1 times "
      "that norm to every coordinate of the sum. The epsilon is an upper bound computed by accountant rdp version 1. "
      "400 of the planned steps were executed; for these the figure is (0.9000, 1e-05), which may be quoted only if "
      "the stopping time did not depend on the data or on outputs of the run. Before training, records were scaled: "
      "pixels by a public constant. Not covered: the choice of hyper-parameters; the time that steps take.");
}

TEST(Certificate, StatementOfACompleteRunQuotesOneFigure) {
  Certificate c = example();
  c.executed = c.planned;
  const std::string text = statement(c);
  EXPECT_NE(text.find("All planned steps were executed."), std::string::npos);
  EXPECT_EQ(text.find("may be quoted only if"), std::string::npos);
  EXPECT_EQ(text.find("1.2501"), text.rfind("1.2501"));
}

TEST(Certificate, StatementNamesTheAdjacency) {
  Certificate c = example();
  c.adjacency = Adjacency::zero_out;
  EXPECT_NE(statement(c).find("by the replacement of one record by a null record"), std::string::npos);
  c.adjacency = Adjacency::replace_one;
  EXPECT_NE(statement(c).find("by the replacement of one record by another"), std::string::npos);
}

TEST(Certificate, TheUnitOfAGroupRunIsTheGroup) {
  Certificate c = example();
  c.group = "all texts with the same author, of which at most 8 are used";
  const std::string text = statement(c);
  EXPECT_NE(
      text.find("by the addition or removal of one group; the unit of privacy is one group. A group is all texts "
                "with the same author, of which at most 8 are used. Each step includes every group independently"),
      std::string::npos)
      << text;
  EXPECT_EQ(text.find("one record"), std::string::npos) << text;
  EXPECT_EQ(parse_certificate(to_json(c)).group, c.group);
  EXPECT_NE(to_json(c).find("\"unit\": \"group\""), std::string::npos);
}

TEST(Certificate, RunThatIsNotPrivateQuotesNoFigure) {
  Certificate c = example();
  c.not_private = "test keys were used";
  EXPECT_EQ(statement(c), "NOT PRIVATE: test keys were used. No privacy guarantee may be quoted for this run.");
  const std::string json = to_json(c);
  EXPECT_NE(json.find("\"private\": false"), std::string::npos);
  EXPECT_NE(json.find("\"stamp\": \"NOT PRIVATE: test keys were used\""), std::string::npos);
  EXPECT_EQ(parse_certificate(json).not_private, "test keys were used");
  EXPECT_EQ(to_json(example()).find("stamp"), std::string::npos);
}

TEST(Certificate, JsonRoundTripsUpToTheRoundingOfEpsilon) {
  Certificate c = example();
  const Certificate found = parse_certificate(to_json(c));
  c.planned.epsilon = 1.2501;
  EXPECT_EQ(found, c);
  EXPECT_EQ(to_json(found), to_json(example()));
}

TEST(Certificate, EpsilonIsRoundedUpAndRoundingIsIdempotent) {
  EXPECT_EQ(certificate_text::rounded_up(0), "0.0000");
  EXPECT_EQ(certificate_text::rounded_up(1e-300), "0.0001");
  EXPECT_EQ(certificate_text::rounded_up(1.0), "1.0000");
  EXPECT_EQ(certificate_text::rounded_up(std::nextafter(1.0, 2.0)), "1.0001");
  EXPECT_EQ(certificate_text::rounded_up(2.99991), "3.0000");
  std::mt19937_64 generator(1);
  std::uniform_real_distribution<double> logarithm(-12, 12);
  for (int i = 0; i < 100000; ++i) {
    const double epsilon = std::pow(10.0, logarithm(generator));
    const std::string text = certificate_text::rounded_up(epsilon);
    const double shown = std::strtod(text.c_str(), nullptr);
    ASSERT_GE(shown, epsilon);
    ASSERT_LE(shown, epsilon + 1.01e-4);
    ASSERT_EQ(certificate_text::rounded_up(shown), text);
  }
}

// Neither a figure nor the statement can be edited alone.
TEST(Certificate, NoByteChangesUnnoticed) {
  const std::string json = to_json(example());
  // Free fields may be changed consistently; then the result differs from the original.
  for (std::size_t i = 0; i < json.size(); ++i) {
    std::string edited = json;
    edited[i] = edited[i] == '1' ? '2' : '1';
    try {
      EXPECT_NE(parse_certificate(edited), parse_certificate(json)) << i;
      EXPECT_TRUE(edited.find(statement(example())) != std::string::npos) << "the statement was changed";
    } catch (const DataError&) {
    }
  }
  for (std::size_t length = 0; length < json.size(); ++length)
    ASSERT_THROW(parse_certificate(json.substr(0, length)), DataError) << length;
}

TEST(Certificate, FiguresThatDisagreeWithTheStatementAreRefused) {
  const std::string json = to_json(example());
  const auto refuses = [&](const std::string& from, const std::string& to) {
    std::string edited = json;
    const std::size_t at = edited.rfind(from);
    ASSERT_NE(at, std::string::npos) << from;
    edited.replace(at, from.size(), to);
    EXPECT_THROW(parse_certificate(edited), DataError) << to;
  };
  refuses("\"epsilon\": 1.2501", "\"epsilon\": 0.9501");
  refuses("\"steps\": 1000", "\"steps\": 500");
  refuses("\"noise_multiplier\": 1.1", "\"noise_multiplier\": 2.1");
  refuses("\"private\": true", "\"private\": false");
  refuses("\"schema\": 2", "\"schema\": 1");
  refuses("\"schema\": 2", "\"schema\": 3");
  refuses("config.toml\": \"bb", "config.toml\": \"BB");
  refuses("\"unit\": \"record\"", "\"unit\": \"user\"");
  refuses("}\n", "}\n\n");
}

TEST(Certificate, FileHoldsTheCanonicalText) {
  const testing::ScratchFolder folder;
  const auto path = folder.path() / "certificate.json";
  write_certificate(path, example());
  std::ifstream file(path, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), to_json(example()));
}

TEST(Certificate, FirstSchemaIsStillRead) {
  std::ifstream file(std::filesystem::path(SOTTO_TEST_DATA) / "certificate-1.json", std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const Certificate c = parse_certificate(text);
  EXPECT_EQ(c.schema, 1);
  EXPECT_EQ(c.planned.epsilon, 0.4019);
  EXPECT_EQ(c.executed.steps, 9);
  EXPECT_TRUE(c.files.empty());
  EXPECT_EQ(to_json(c), text);
}

// As this version wrote it, of the run of ledger-2.jsonl: see LedgerTest.SecondSchemaIsReadAsItWasWritten.
TEST(Certificate, SecondSchemaIsReadAsItWasWritten) {
  std::ifstream file(std::filesystem::path(SOTTO_TEST_DATA) / "certificate-2.json", std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const Certificate c = parse_certificate(text);
  EXPECT_EQ(c.schema, 2);
  EXPECT_EQ(c.planned.epsilon, 0.4019);
  EXPECT_EQ(c.executed.steps, 12);
  EXPECT_EQ(c.files.size(), 1u);
  EXPECT_EQ(c.ledger_records, 16);
  EXPECT_EQ(c.ledger_head_hash, "f12cabd5e0127489a656d4c3f5cdf8e972eee2755a4b1cdf529c94855b3d077e");
  EXPECT_EQ(to_json(c), text);
}

TEST(Certificate, HalfFilledCertificatesAreRefused) {
  const auto refuses = [](const char* what, const std::function<void(Certificate&)>& change) {
    Certificate c = example();
    change(c);
    EXPECT_THROW(validate(c), UsageError) << what;
    EXPECT_THROW(to_json(c), UsageError) << what;
    EXPECT_THROW(statement(c), UsageError) << what;
  };
  EXPECT_THROW(validate(Certificate{}), UsageError);
  refuses("version", [](auto& c) { c.sotto_version.clear(); });
  refuses("adjacency", [](auto& c) { c.adjacency.reset(); });
  refuses("accountant name", [](auto& c) { c.accountant_name.clear(); });
  refuses("accountant version", [](auto& c) { c.accountant_version.clear(); });
  refuses("weight rule", [](auto& c) { c.weight_rule.clear(); });
  refuses("input scaling", [](auto& c) { c.input_scaling.clear(); });
  refuses("not covered", [](auto& c) { c.not_covered.clear(); });
  refuses("empty clause", [](auto& c) { c.not_covered.emplace_back(); });
  refuses("noise generator", [](auto& c) { c.noise_generator.clear(); });
  refuses("key source", [](auto& c) { c.key_source.clear(); });
  refuses("stamp without reason", [](auto& c) { c.not_private = ""; });
  refuses("head hash", [](auto& c) { c.ledger_head_hash = "abc"; });
  refuses("run", [](auto& c) { c.run.clear(); });
  refuses("schema", [](auto& c) { c.schema = 3; });
  refuses("files of schema 1", [](auto& c) {
    c.schema = 1;
    c.run.clear();
  });
  refuses("file without a hash", [](auto& c) { c.files["model.safetensors"] = ""; });
  refuses("file without a name", [](auto& c) { c.files[""] = std::string(64, 'a'); });
  refuses("head hash digits", [](auto& c) { c.ledger_head_hash[5] = 'G'; });
  for (double bad : {kNan, kInfinity, -kInfinity, 0.0, -1.0}) {
    refuses("noise multiplier", [&](auto& c) { c.noise_multiplier = bad; });
    refuses("sampling rate", [&](auto& c) { c.sampling_rate = bad; });
    refuses("expected batch size", [&](auto& c) { c.expected_batch_size = bad; });
    refuses("clip norm", [&](auto& c) { c.clip_norm = bad; });
    refuses("bound", [&](auto& c) { c.weight_rule_bound = bad; });
    refuses("delta", [&](auto& c) { c.planned.delta = c.executed.delta = bad; });
  }
  for (double bad : {kNan, kInfinity, -kInfinity, -1e-9}) {
    refuses("planned epsilon", [&](auto& c) { c.planned.epsilon = bad; });
    refuses("executed epsilon", [&](auto& c) { c.executed.epsilon = bad; });
  }
  for (double bad : {kNan, kInfinity}) refuses("parameter", [&](auto& c) { c.weight_rule_parameters["r"] = bad; });
  for (std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, kMaxCount + 1})
    refuses("dataset size", [&](auto& c) { c.dataset_size_declared = bad; });
  for (std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}}) {
    refuses("planned steps", [&](auto& c) { c.planned.steps = bad; });
    refuses("ledger records", [&](auto& c) { c.ledger_records = bad; });
  }
  refuses("executed steps", [](auto& c) { c.executed.steps = -1; });
  refuses("sampling rate above one", [](auto& c) { c.sampling_rate = 1.5; });
}

TEST(Certificate, TextsThatAreNotUtf8AreRefused) {
  Certificate c = example();
  c.input_scaling = "\xff";
  EXPECT_THROW(to_json(c), UsageError);
}

TEST(Certificate, InconsistentFiguresAreRefused) {
  const auto refuses = [](const std::function<void(Certificate&)>& change) {
    Certificate c = example();
    change(c);
    EXPECT_THROW(validate(c), UsageError);
  };
  refuses([](auto& c) { c.executed.steps = c.planned.steps + 1; });
  refuses([](auto& c) { c.executed.epsilon = c.planned.epsilon + 0.01; });
  refuses([](auto& c) { c.executed.delta = 1e-6; });
  refuses([](auto& c) { c.expected_batch_size = 255; });
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
                "are together one Gaussian release with noise multiplier 1.49, which the epsilon is of. The first "
                "clip norm is 0.5; every other one follows from the noised counts of the steps before it, towards "
                "the norm that a share of 0.25 of the gradients do not exceed, and may be told."),
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
  for (const double bad : {0.0, -1.0, kNan, kInfinity}) {
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
  EXPECT_NE(text.find("Besides the steps, 7 of 10 planned evaluations of the model on all private records were "
                      "charged. Each adds, of every record, the share of its labels that the model finds and its mean "
                      "loss up to 4.5 as a share of 4.5, both divided by the square root of 2, so that one record "
                      "contributes a vector of norm at most 1, and Gaussian noise of standard deviation 200 to both "
                      "sums. Metrics of private records that this run tells of are these sums divided by the declared "
                      "size: the noise of an accuracy has standard deviation 0.004419. "),
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
      text.find("The run ended by itself after 400 of the planned steps, since 3 evaluations one after the other "),
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
  for (const double bad : {0.0, -1.0, kNan, kInfinity}) {
    refuses([=](auto& c) { c.evaluations->noise_multiplier = bad; });
    refuses([=](auto& c) { c.evaluations->largest_loss = bad; });
  }
  refuses([](auto& c) { c.stopped_after_evaluations = 0; });
  refuses([](auto& c) { c.stopped_after_evaluations = 2, c.executed.steps = c.planned.steps; });
  refuses([](auto& c) { c.stopped_after_evaluations = 2, c.evaluations.reset(); });
  refuses([](auto& c) { c.schema = 1, c.run = "", c.files = {}; });
  refuses(
      [](auto& c) { c.selection = CertifiedSelection{.runs = PoissonRuns{12}, .candidates = 6, .score = "accuracy"}; });
}

TEST(Certificate, StandardExclusionsAreAcceptable) {
  Certificate c = example();
  c.not_covered = standard_exclusions();
  EXPECT_NO_THROW(validate(c));
}

}  // namespace
}  // namespace sotto::privacy

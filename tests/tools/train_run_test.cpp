// Whole runs of `sotto train` and `sotto evaluate` on a small data set. Runs the real program.

#include <sotto/privacy/sha256.h>
#include <sys/resource.h>

#include <cmath>
#include <regex>

#include "train_run_fixture.h"

namespace sotto::tools {
namespace {

TEST_F(TrainRun, ArtefactsExistAndAgreeWithAccount) {
  const Outcome outcome = run(private_run("12"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(std::regex_search(outcome.err, std::regex("\ntime +[0-9]+ s\n"))) << outcome.err;
  const json result = json::parse(outcome.out);
  const double epsilon = account_epsilon(result.at("noise_multiplier"), "12");
  EXPECT_EQ(result.at("epsilon").get<double>(), epsilon);
  EXPECT_LE(epsilon, 3);
  EXPECT_EQ(result.at("steps"), 12);
  EXPECT_EQ(result.at("sampling_rate").get<double>(), 40.0 / 300);

  const privacy::Certificate certificate = this->certificate();
  EXPECT_FALSE(certificate.not_private.has_value());
  EXPECT_EQ(certificate.planned.steps, 12);
  EXPECT_EQ(certificate.executed.steps, 12);
  EXPECT_EQ(certificate.dataset_size_declared, 300);
  EXPECT_GE(certificate.planned.epsilon, epsilon);
  EXPECT_LE(certificate.planned.epsilon, epsilon + 1e-4);  // rounded up to four decimals
  const privacy::LedgerContents contents = privacy::read_ledger(ledger());
  EXPECT_EQ(certificate.ledger_head_hash, contents.certificates.back().after);
  EXPECT_TRUE(contents.ends_with_certificate(privacy::sha256_hex(content(run_path() / "certificate.json"))));
  EXPECT_EQ(charged(ledger()), 12);
  EXPECT_TRUE(contents.header.keys_are_secret);

  std::istringstream lines(content(run_path() / "metrics.jsonl"));
  json last;
  for (std::string line; std::getline(lines, line);) last = json::parse(line);
  EXPECT_EQ(last.at("step"), 12);
  EXPECT_EQ(last.at("accuracy"), result.at("accuracy"));
  EXPECT_FALSE(std::filesystem::exists(run_path() / "NOT_PRIVATE.txt"));

  const Outcome evaluated = run({"evaluate", run_path().string(), "--json"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_EQ(json::parse(evaluated.out).at("accuracy"), result.at("accuracy"));
  expect_failure(run(private_run("12")), 64, "already holds a run");
  expect_failure(run({"resume", run_path().string()}), 64, "finished");
}

TEST_F(TrainRun, DiscreteNoiseIsCertifiedForWhatItIsAndVerified) {
  const Outcome outcome = run(private_run("3") + Words{"--noise", "discrete", "--model", "mlp"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const privacy::Certificate certificate = this->certificate();
  ASSERT_TRUE(certificate.lattice);
  EXPECT_EQ(certificate.lattice, privacy::read_ledger(ledger()).header.event.lattice);
  EXPECT_LE(certificate.planned.epsilon, 3);
  EXPECT_GT(certificate.planned.epsilon, account_epsilon(certificate.noise_multiplier, "3"));
  EXPECT_NE(privacy::statement(certificate).find("secure against attacks on the low-order bits"), std::string::npos);
  const Outcome verified = run({"verify", run_path().string()});
  EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
  EXPECT_NE(verified.out.find("by Renyi accounting alone"), std::string::npos) << verified.out;
  EXPECT_EQ(charged(ledger()), 3);
}

TEST_F(TrainRun, AdaptiveClippingIsCertifiedVerifiedAuditedAndContinued) {
  const Words adaptive = {"--rule", "adaptive", "--clip-norm", "5", "--clip-quantile", "0.25", "--model", "mlp"};
  Program program(private_run("150") + adaptive);
  ASSERT_TRUE(program.signal_when([&] { return ledger_has_lines(6); }, SIGINT));
  const Outcome stopped = program.finish();
  ASSERT_EQ(stopped.exit_code, 130) << stopped.err;
  const json partial = json::parse(stopped.out);
  ASSERT_LT(partial.at("steps").get<int64_t>(), 150) << "the signal came too late";
  const double reached = partial.at("clip_norm");
  EXPECT_NE(reached, 5);
  EXPECT_NE(content(run_path() / "checkpoint.safetensors").find("\"clip_norm\""), std::string::npos);

  const Outcome resumed = run({"resume", run_path().string(), "--json"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  const json result = json::parse(resumed.out);
  EXPECT_EQ(result.at("epsilon").get<double>(), account_epsilon(result.at("noise_multiplier"), "150"));
  std::istringstream lines(content(run_path() / "metrics.jsonl"));
  json last;
  for (std::string line; std::getline(lines, line);) last = json::parse(line);
  EXPECT_EQ(last.at("clip_norm"), result.at("clip_norm"));

  const privacy::Certificate found = certificate();
  ASSERT_TRUE(found.adaptive_clipping);
  EXPECT_EQ(found.weight_rule, "adaptive");
  EXPECT_EQ(found.weight_rule_bound, 1);
  EXPECT_EQ(found.weight_rule_parameters.at("quantile"), 0.25);
  const double u = found.adaptive_clipping->gradient_noise_multiplier, b = 2 * found.adaptive_clipping->count_noise;
  EXPECT_NEAR(1 / std::sqrt(1 / (u * u) + 1 / (b * b)), found.noise_multiplier, 1e-12);
  const Outcome verified = run({"verify", run_path().string()});
  EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
  const Outcome audited = run({"audit", run_path().string()});
  EXPECT_EQ(audited.exit_code, 0) << audited.out << audited.err;
  EXPECT_NE(audited.out.find("noise of the count"), std::string::npos) << audited.out;
  EXPECT_NE(content(run_path() / "report.html").find("Clip norm over the steps"), std::string::npos);
}

TEST_F(TrainRun, EveryRuleTrainsWithItsBound) {
  const std::vector<Words> rules = {{"--rule", "flat"},
                                    {"--rule", "flat", "--per-group"},
                                    {"--rule", "auto-s"},
                                    {"--rule", "nsgd"},
                                    {"--model", "mlp"}};
  for (const Words& rule : rules) {
    std::filesystem::remove_all(run_path());
    const Outcome outcome = run(private_run("2") + rule);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_NEAR(certificate().weight_rule_bound, 0.1, 1e-12) << rule.back();
  }
}

// A model that learns nothing, or a step that is not applied, stays near one in ten.
TEST_F(TrainRun, RemembersHowItMultipliesUntilToldOtherwise) {
  const Outcome outcome = run(private_run("3") + Words{"--matmul", "fast"});
  if (outcome.err.find("holds no MKL") != std::string::npos) GTEST_SKIP() << outcome.err;
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(json::parse(outcome.out).at("matmul"), "fast");
  EXPECT_NE(content(run_path() / "config.toml").find("matmul = \"fast\"\n"), std::string::npos);
  EXPECT_EQ(run({"evaluate", run_path().string()}).exit_code, 0);
  EXPECT_EQ(run({"evaluate", run_path().string(), "--matmul", "stock"}).exit_code, 0);
  for (const char* command : {"evaluate", "resume"})
    expect_failure(run({command, run_path().string(), "--matmul", "quick"}), 64, "[--matmul] unknown value: 'quick'");
}

TEST_F(TrainRun, LearnsASimpleTask) {
  const Outcome outcome = run(base() + Words{"--noise-multiplier", "1", "--delta", kDelta, "--steps", "150", "--lr",
                                             "2", "--output", run_path().string(), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_GT(json::parse(outcome.out).at("accuracy").get<double>(), 0.6);
}

TEST_F(TrainRun, BadFilesAreRefusedAndLeaveNothing) {
  using data::testing::idx_header, data::testing::joined;
  const auto with = [&](const std::string& images, const std::string& labels) {
    Outcome outcome =
        run(data({images, labels}) + Words{"--epsilon", "3", "--delta", kDelta, "--output", run_path().string()});
    EXPECT_FALSE(std::filesystem::exists(run_path()));
    return outcome;
  };
  expect_failure(with((folder_.path() / "nowhere").string(), train_.labels), 65, "nowhere");
  const std::string whole = content(train_.images);
  sotto::testing::Bytes cut(whole.begin(), whole.end() - 1);
  expect_failure(with(folder_.write("cut", cut).string(), train_.labels), 65, "cut");
  expect_failure(with(train_.images, test_.labels), 65, "");
  expect_failure(with(train_.labels, train_.images), 65, "");
  const auto high = folder_.write("high", joined(idx_header({300}), sotto::testing::Bytes(300, 10)));
  expect_failure(with(train_.images, high.string()), 65, "high");
  const auto tiny = folder_.write("tiny", joined(idx_header({300, 8, 8}), sotto::testing::Bytes(300 * 64, 1)));
  expect_failure(with(tiny.string(), train_.labels), 64, "too small");
  expect_failure(run(data(train_) + Words{"--test-images", tiny.string(), "--test-labels", train_.labels, "--epsilon",
                                          "3", "--delta", kDelta, "--output", run_path().string()}),
                 65,
                 "[--test-images] a record has sizes [1, 8, 8]; must be those of the training records, [1, 28, 28]");
}

TEST_F(TrainRun, FullDiskIsAnErrorOfItsOwnAndLeavesNothing) {
  const Outcome outcome = run(private_run("3"), [] {
    ::signal(SIGXFSZ, SIG_IGN);  // writes beyond the limit fail as they do on a full disk
    const rlimit limit{20000, 20000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  });
  expect_failure(outcome, 74, "checkpoint");
  EXPECT_FALSE(std::filesystem::exists(run_path()));
}

TEST_F(TrainRun, PlainTrainingIsStampedEverywhere) {
  const Words words = base() + Words{"--rule", "none", "--steps", "3", "--output", run_path().string()};
  const Outcome outcome = run(words);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("NOT PRIVATE"), std::string::npos);
  for (const char* file : {"NOT_PRIVATE.txt", "config.toml", "model.safetensors"})
    EXPECT_NE(content(run_path() / file).find("NOT PRIVATE"), std::string::npos) << file;
  EXPECT_NE(content(run_path() / "metrics.jsonl").find("not_private"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(run_path() / "certificate.json"));
  EXPECT_FALSE(std::filesystem::exists(ledger()));
  EXPECT_NE(run({"evaluate", run_path().string()}).out.find("NOT PRIVATE"), std::string::npos);
}

TEST_F(TrainRun, TestSeedIsRepeatableAndStampedEverywhere) {
  const Words words = base() + Words{"--noise-multiplier",   "1", "--delta", kDelta, "--steps", "3",
                                     "--insecure-test-seed", "7", "--output"};
  for (const char* name : {"a", "b"}) {
    const auto path = folder_.path() / name;
    const Outcome outcome = run(words + Words{path.string()});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("NOT PRIVATE"), std::string::npos);
    for (const char* file : {"NOT_PRIVATE.txt", "config.toml", "model.safetensors", "certificate.json"})
      EXPECT_NE(content(path / file).find("NOT PRIVATE"), std::string::npos) << file;
    EXPECT_NE(content(path / "metrics.jsonl").find("not_private"), std::string::npos);
    EXPECT_NE(outcome.out.find("guarantee         none"), std::string::npos) << outcome.out;
    for (const std::string& text : {outcome.out, outcome.err, content(path / "metrics.jsonl")})
      EXPECT_EQ(text.find("epsilon "), std::string::npos) << "no figure to be quoted: " << text;
    EXPECT_NE(run({"evaluate", path.string()}).out.find("NOT PRIVATE"), std::string::npos);
  }
  // The statement in the header names the ledger's random identifier nowhere, so the files are equal.
  EXPECT_EQ(content(folder_.path() / "a/model.safetensors"), content(folder_.path() / "b/model.safetensors"));
}

// Everything shown, and every figure written, comes from the declaration: another number of records with other
// contents changes no character of it. Times and random identifiers are left out.
TEST_F(TrainRun, NothingShownDependsOnTheRecords) {
  const auto shown = [&](const SmallImages& images) {
    std::filesystem::remove_all(run_path());
    const Outcome outcome = run(data(images) + Words{"--epsilon", "3", "--delta", kDelta, "--steps", "4", "--output",
                                                     run_path().string(), "--json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    json result = json::parse(outcome.out);
    result.erase("seconds");
    std::string text = result.dump();
    std::istringstream lines(outcome.err), metrics(content(run_path() / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);)
      if (line.rfind("time ", 0) != 0 && line.rfind("data ", 0) != 0) text += line + '\n';
    for (std::string line; std::getline(metrics, line);) {
      json object = json::parse(line);
      object.erase("seconds");
      text += object.dump() + '\n';
    }
    privacy::Certificate certificate = this->certificate();
    certificate.ledger_head_hash = std::string(64, '0');
    certificate.run = "a run";
    for (auto& [name, hash] : certificate.files) hash = std::string(64, '0');
    return text + privacy::to_json(certificate);
  };
  EXPECT_EQ(shown(train_), shown(testing::write_small_images(folder_, "other", 170, 3)));
}

}  // namespace
}  // namespace sotto::tools

// Runs the real program.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace sotto::tools {
namespace {

struct Outcome {
  int exit_code;
  std::string text;
};

enum class Stream { out, err };

Outcome run(const std::string& arguments, Stream stream = Stream::out) {
  const std::string command =
      "'" SOTTO_PROGRAM "' " + arguments + (stream == Stream::out ? " 2>/dev/null" : " 2>&1 >/dev/null");
  std::FILE* pipe = popen(command.c_str(), "r");
  Outcome outcome{};
  char buffer[4096];
  while (const size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) outcome.text.append(buffer, count);
  const int status = pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

nlohmann::json run_json(const std::string& arguments) {
  const Outcome outcome = run(arguments + " --json");
  EXPECT_EQ(outcome.exit_code, 0) << arguments;
  return nlohmann::json::parse(outcome.text);
}

void expect_usage_error(const std::string& arguments, const std::string& what) {
  const Outcome outcome = run(arguments, Stream::err);
  EXPECT_EQ(outcome.exit_code, 64) << arguments;
  EXPECT_EQ(outcome.text.rfind("sotto: ", 0), 0u) << outcome.text;
  EXPECT_EQ(outcome.text.find('\n'), outcome.text.size() - 1) << "not one line: " << outcome.text;
  EXPECT_NE(outcome.text.find(what), std::string::npos) << arguments << "\n" << outcome.text;
  EXPECT_EQ(run(arguments).text, "") << "an error printed a result";
}

const std::string kMnist = "--dataset-size 60000 --batch 256 --noise-multiplier 1.1 --steps 14062 --delta 1e-5";
const std::string kEpsilon = "account epsilon --sampling-rate 0.01 --noise-multiplier 1 --steps 1000 --delta 1e-5 ";

TEST(AccountCommand, EpsilonMeetsThePublishedValue) {
  const auto answer = run_json("account epsilon " + kMnist);
  EXPECT_NEAR(answer.at("epsilon").get<double>(), 2.59656, 1e-4);
  EXPECT_EQ(answer.at("delta"), 1e-5);
  EXPECT_EQ(answer.at("noise_multiplier"), 1.1);
  EXPECT_EQ(answer.at("steps"), 14062);
  EXPECT_EQ(answer.at("sampling_rate").get<double>(), 256.0 / 60000);
  EXPECT_EQ(answer.at("adjacency"), "add-remove");
  EXPECT_EQ(answer.at("method"), "rdp");
  EXPECT_EQ(answer.at("sampler"), "poisson");
  EXPECT_EQ(answer.size(), 9u);
}

TEST(AccountCommand, ShownEpsilonIsRoundedUp) {
  const double exact = run_json("account epsilon " + kMnist).at("epsilon");
  const std::string text = run("account epsilon " + kMnist).text;
  double shown = 0;
  ASSERT_EQ(std::sscanf(text.c_str(), "epsilon %lf", &shown), 1) << text;
  EXPECT_GE(shown, exact);
  EXPECT_LT(shown, exact + 1e-5);
}

TEST(AccountCommand, DeltaAndEpsilonAreInverse) {
  const double epsilon = run_json(kEpsilon).at("epsilon");
  char arguments[200];
  std::snprintf(arguments, sizeof arguments,
                "account delta --sampling-rate 0.01 --noise-multiplier 1 --steps 1000 --epsilon %.17g", epsilon);
  EXPECT_NEAR(run_json(arguments).at("delta").get<double>(), 1e-5, 1e-10);
}

TEST(AccountCommand, NoiseStaysWithinTheBudget) {
  const auto answer = run_json("account noise --sampling-rate 0.01 --steps 1000 --epsilon 1 --delta 1e-5");
  EXPECT_LE(answer.at("epsilon").get<double>(), 1);
  EXPECT_NEAR(answer.at("noise_multiplier").get<double>(), 1.51312, 2e-4);
  char arguments[200];
  std::snprintf(arguments, sizeof arguments,
                "account epsilon --sampling-rate 0.01 --noise-multiplier %.17g --steps 1000 --delta 1e-5",
                answer.at("noise_multiplier").get<double>());
  EXPECT_EQ(run_json(arguments).at("epsilon"), answer.at("epsilon"));
}

TEST(AccountCommand, ShownNoiseSatisfiesTheBudgetWhenTypedBackIn) {
  const std::string text = run("account noise --sampling-rate 0.01 --steps 1000 --epsilon 1 --delta 1e-5").text;
  const std::string label = "noise multiplier  ";
  const size_t start = text.find(label) + label.size();
  const std::string noise = text.substr(start, text.find('\n', start) - start);
  const auto answer =
      run_json("account epsilon --sampling-rate 0.01 --steps 1000 --delta 1e-5 --noise-multiplier " + noise);
  EXPECT_LE(answer.at("epsilon").get<double>(), 1);
}

TEST(AccountCommand, StepsAreTheMostThatFit) {
  const auto answer = run_json("account steps --sampling-rate 0.1 --noise-multiplier 3 --epsilon 2 --delta 1e-6");
  const auto steps = answer.at("steps").get<int64_t>();
  EXPECT_LE(steps, 155);  // the exact answer; RDP allows fewer
  const std::string again = "account epsilon --sampling-rate 0.1 --noise-multiplier 3 --delta 1e-6 --steps ";
  EXPECT_LE(run_json(again + std::to_string(steps)).at("epsilon").get<double>(), 2);
  EXPECT_GT(run_json(again + std::to_string(steps + 1)).at("epsilon").get<double>(), 2);
}

TEST(AccountCommand, StatementNamesWhatTheNumberRestsOn) {
  const std::string statement = run_json("account epsilon " + kMnist).at("statement");
  for (const char* word : {"holds only if batches are drawn by Poisson sampling", "clipped", "added or removed",
                           "upper bound", "1e-05", "14062"})
    EXPECT_NE(statement.find(word), std::string::npos) << word << "\n" << statement;
  const std::string zero_out = run_json("account epsilon " + kMnist + " --adjacency zero-out").at("statement");
  EXPECT_NE(zero_out.find("null record"), std::string::npos);
  EXPECT_NE(run("account epsilon " + kMnist).text.find(statement), std::string::npos);
}

TEST(AccountCommand, NoNoiseIsInfiniteAndNotAnError) {
  const std::string arguments = "account epsilon --sampling-rate 0.1 --noise-multiplier 0 --steps 1 --delta 1e-5";
  EXPECT_EQ(run_json(arguments).at("epsilon"), "inf");
  EXPECT_NE(run(arguments).text.find("epsilon           inf"), std::string::npos);
}

TEST(AccountCommand, HexadecimalFloatsAreExact) {
  EXPECT_EQ(run_json("account epsilon --sampling-rate 0x1p-7 --noise-multiplier 1 --steps 10 --delta 1e-5")
                .at("sampling_rate"),
            1.0 / 128);
}

TEST(AccountCommand, ConsistentRateAndSizesAreAccepted) {
  EXPECT_EQ(run_json(kEpsilon + "--dataset-size 1000 --batch 10").at("epsilon"), run_json(kEpsilon).at("epsilon"));
  expect_usage_error(kEpsilon + "--dataset-size 1000 --batch 11", "disagree");
}

TEST(AccountCommand, WarnsOfDoubtfulGuarantees) {
  EXPECT_NE(
      run("account epsilon --dataset-size 1000 --batch 10 --noise-multiplier 1 --steps 10 --delta 0.001", Stream::err)
          .text.find("warning: delta"),
      std::string::npos);
  EXPECT_NE(run("account epsilon --sampling-rate 0.5 --noise-multiplier 0.5 --steps 10 --delta 1e-5", Stream::err)
                .text.find("warning: epsilon"),
            std::string::npos);
  EXPECT_EQ(run(kEpsilon, Stream::err).text, "");
}

TEST(AccountCommand, RefusesBadInput) {
  const std::string base = "account epsilon --noise-multiplier 1 --steps 10 --delta 1e-5 ";
  expect_usage_error(base, "the sampling rate is missing");
  expect_usage_error(base + "--batch 10", "belong together");
  expect_usage_error(base + "--dataset-size 10", "belong together");
  expect_usage_error(base + "--dataset-size 10 --batch 11", "[--batch]");
  expect_usage_error(base + "--dataset-size 10 --batch 0", "[--batch]");
  expect_usage_error(base + "--dataset-size 0 --batch 1", "[--dataset-size]");
  expect_usage_error(base + "--dataset-size -5 --batch 1", "[--dataset-size]");
  expect_usage_error(base + "--sampling-rate 1.5", "percentage");
  expect_usage_error(base + "--sampling-rate -0.1", "bad sampling_rate: -0.1");
  expect_usage_error(base + "--sampling-rate nan", "'nan'");
  expect_usage_error(base + "--sampling-rate 0.1x", "'0.1x' (wrong from character 4)");
  expect_usage_error(base + "--sampling-rate 0.1 --adjacency replace-one", "available");
  expect_usage_error(base + "--sampling-rate 0.1 --adjacency other", "'other'");
  const std::string rate = "account epsilon --sampling-rate 0.1 ";
  expect_usage_error(rate + "--noise-multiplier -1 --steps 10 --delta 1e-5", "bad noise_multiplier: -1");
  expect_usage_error(rate + "--noise-multiplier inf --steps 10 --delta 1e-5", "'inf'");
  expect_usage_error(rate + "--noise-multiplier 1 --steps -1 --delta 1e-5", "bad count: -1");
  expect_usage_error(rate + "--noise-multiplier 1 --steps 1e4 --delta 1e-5", "'1e4'");
  expect_usage_error(rate + "--noise-multiplier 1 --steps 10 --delta 1", "bad delta: 1");
  expect_usage_error(rate + "--noise-multiplier 1 --steps 10 --delta -1", "bad delta: -1");
  expect_usage_error(rate + "--noise-multiplier 1 --steps 10", "--delta is required");
  const std::string noise = "account noise --sampling-rate 0.1 --steps 10 --delta 1e-5 ";
  expect_usage_error(noise + "--epsilon 0", "bad epsilon: 0");
  expect_usage_error(noise + "--epsilon -1", "bad epsilon: -1");
  expect_usage_error("account noise --sampling-rate 0.1 --steps 10 --delta 0 --epsilon 1", "bad delta: 0");
  expect_usage_error("account noise --sampling-rate 0 --steps 10 --delta 1e-5 --epsilon 1", "bad sampling_rate: 0");
  expect_usage_error("account noise --sampling-rate 0.1 --steps 0 --delta 1e-5 --epsilon 1", "bad steps: 0");
}

TEST(AccountCommand, BudgetTooSmallForOneStepIsExplained) {
  expect_usage_error("account steps --sampling-rate 0.5 --noise-multiplier 1 --epsilon 0.01 --delta 1e-5",
                     "budget too small for one step");
}

TEST(CommandLine, UnknownWordsAreUsageErrors) {
  expect_usage_error("", "subcommand is required");
  expect_usage_error("frobnicate", "unknown command 'frobnicate'");
  expect_usage_error("account", "subcommand is required");
  expect_usage_error(kEpsilon + "--frobnicate", "--frobnicate");
}

TEST(CommandLine, VersionIsTheProjects) {
  const Outcome outcome = run("--version");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.text, "sotto " SOTTO_VERSION "\n");
}

TEST(CommandLine, AFullDiskIsAnInputOutputError) {
  const int status = std::system("'" SOTTO_PROGRAM "' --version >/dev/full 2>/dev/null");
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 74);
}

// Every "$ sotto ..." line of a help text is run, and must print what the help shows below it.
TEST(CommandLine, WorkedExamplesInHelpAreReal) {
  for (const char* command : {"account epsilon", "account delta", "account noise", "account steps"}) {
    const Outcome help = run(std::string(command) + " --help");
    EXPECT_EQ(help.exit_code, 0);
    std::stringstream lines(help.text);
    std::string arguments, shown;
    for (std::string line; std::getline(lines, line);) {
      const std::string prompt = "  $ sotto ";
      if (line.rfind(prompt, 0) == 0)
        arguments = line.substr(prompt.size());
      else if (!arguments.empty() && line.rfind("  ", 0) == 0)
        shown += line.substr(2) + "\n";
    }
    ASSERT_NE(arguments, "") << help.text;
    EXPECT_EQ(arguments.rfind(command, 0), 0u) << arguments;
    EXPECT_EQ(run(arguments).text, shown);
  }
}

}  // namespace
}  // namespace sotto::tools

// Runs the real program. Expected values come from tests/golden, closed forms and published figures.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "account_program.h"

namespace sotto::tools {
namespace {

using testing::exact;
using testing::expect_usage_error;
using testing::Outcome;
using testing::run_json;
using testing::run_line;

const std::string kMnist = "--dataset-size 60000 --batch 256 --noise-multiplier 1.1 --steps 14062 --delta 1e-5";
const std::string kEpsilon = "account epsilon --sampling-rate 0.01 --noise-multiplier 1 --steps 1000 --delta 1e-5 ";
constexpr double kMnistEpsilon = 2.3815969214243973;        // golden_composed.csv
constexpr double kUnitGaussianEpsilon = 4.377178095681225;  // mu = 1, delta = 1e-5

std::string field(const std::string& text, const std::string& label) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(label + "  ", 0) == 0) return line.substr(line.find_first_not_of(' ', label.size()));
  ADD_FAILURE() << "no line '" << label << "' in\n" << text;
  return "";
}

void expect_bracket(const nlohmann::json& answer, double epsilon, double tolerance) {
  EXPECT_LE(answer.at("epsilon_lower").get<double>(), epsilon + tolerance);
  EXPECT_GE(answer.at("epsilon_upper").get<double>(), epsilon - tolerance);
}

TEST(AccountCommand, EpsilonBracketsTheExactValue) {
  const auto answer = run_json("account epsilon " + kMnist);
  expect_bracket(answer, kMnistEpsilon, 0);
  EXPECT_LT(answer.at("epsilon_upper").get<double>() - answer.at("epsilon_lower").get<double>(), 1e-3);
}

TEST(AccountCommand, JsonHasTheAgreedKeys) {
  const auto answer = run_json("account epsilon " + kMnist);
  EXPECT_EQ(answer.at("delta_lower"), 1e-5);
  EXPECT_EQ(answer.at("delta_upper"), 1e-5);
  EXPECT_EQ(answer.at("noise_multiplier"), 1.1);
  EXPECT_EQ(answer.at("steps"), 14062);
  EXPECT_EQ(answer.at("sampling_rate").get<double>(), 256.0 / 60000);
  EXPECT_EQ(answer.at("sampler"), "poisson");
  EXPECT_EQ(answer.at("adjacency"), "add-remove");
  EXPECT_EQ(answer.at("unit"), "record");
  EXPECT_EQ(answer.at("method").get<std::string>().rfind("certified (", 0), 0u);
  EXPECT_NE(answer.at("statement").get<std::string>().find("UNPROVEN"), std::string::npos);
}

TEST(AccountCommand, RdpIsThePublishedUpperBound) {
  const auto answer = run_json("account epsilon " + kMnist + " --method rdp");
  EXPECT_NEAR(answer.at("epsilon_upper").get<double>(), 2.59656, 1e-4);
  EXPECT_EQ(answer.at("epsilon_lower"), 0);
  EXPECT_EQ(answer.at("method"), "rdp (upper bound)");
}

TEST(AccountCommand, GaussianMethodIsTheClosedForm) {
  for (const char* run : {"--steps 1 --noise-multiplier 1", "--steps 100 --noise-multiplier 10"}) {
    const auto answer = run_json(std::string("account epsilon --method gaussian --sampler full --delta 1e-5 ") + run);
    expect_bracket(answer, kUnitGaussianEpsilon, 0);
    EXPECT_NEAR(answer.at("epsilon_upper").get<double>(), kUnitGaussianEpsilon, 1e-9);
  }
}

TEST(AccountCommand, ShownEndsAreRoundedOutwards) {
  for (const char* precision : {" --width 1e-3", " --width 1e-8 --method contour"}) {
    const std::string arguments = "account epsilon " + kMnist + precision;
    const auto answer = run_json(arguments);
    const std::string shown = field(run_line(arguments).out, "epsilon");
    double upper = 0, lower = 0;
    ASSERT_EQ(std::sscanf(shown.c_str(), "%lf (lower end %lf)", &upper, &lower), 2) << shown;
    EXPECT_GE(upper, answer.at("epsilon_upper").get<double>());
    EXPECT_LT(upper, answer.at("epsilon_upper").get<double>() + 1e-5);
    EXPECT_LE(lower, answer.at("epsilon_lower").get<double>());
    EXPECT_GT(lower, answer.at("epsilon_lower").get<double>() - 1e-5);
  }
}

TEST(AccountCommand, DeltaAndEpsilonAreInverse) {
  const double epsilon = run_json(kEpsilon).at("epsilon_upper");
  const auto answer =
      run_json("account delta --sampling-rate 0.01 --noise-multiplier 1 --steps 1000 --epsilon " + exact(epsilon));
  EXPECT_LE(answer.at("delta_lower").get<double>(), 1e-5);
  EXPECT_NEAR(answer.at("delta_upper").get<double>(), 1e-5, 5e-8);
  EXPECT_EQ(answer.at("epsilon_upper"), epsilon);
}

TEST(AccountCommand, EpochsAreResolvedToStepsAndPrinted) {
  const std::string run = "account epsilon --dataset-size 60000 --batch 256 --noise-multiplier 1.1 --delta 1e-5 ";
  EXPECT_EQ(run_json(run + "--epochs 60").at("steps"), 14063);
  EXPECT_EQ(field(run_line(run + "--epochs 60").out, "steps"), "14063 (60 epochs are 14062.5, rounded up)");
  EXPECT_EQ(run_json(run + "--epochs 60 --steps 14062").at("steps"), 14062);
  EXPECT_EQ(run_json(run + "--epochs 0.512").at("steps"), 120);
  EXPECT_EQ(run_json("account epsilon --sampling-rate 0.1 --noise-multiplier 3 --delta 1e-5 --epochs 3").at("steps"),
            30);
}

TEST(AccountCommand, NoiseStaysWithinTheBudgetWhenTypedBackIn) {
  const std::string rest = "--sampling-rate 0.01 --steps 1000 --delta 1e-5 ";
  const auto answer = run_json("account noise --epsilon 1 " + rest);
  const double noise = answer.at("noise_multiplier");
  EXPECT_LE(answer.at("epsilon_upper").get<double>(), 1);
  EXPECT_NEAR(noise, 1.41463, 2e-3);
  EXPECT_LE(
      run_json("account epsilon " + rest + "--noise-multiplier " + exact(noise)).at("epsilon_upper").get<double>(), 1);
  EXPECT_GT(run_json("account epsilon " + rest + "--noise-multiplier " + exact(noise * 0.99))
                .at("epsilon_lower")
                .get<double>(),
            1);
  const std::string shown = field(run_line("account noise --epsilon 1 " + rest).out, "noise multiplier");
  EXPECT_LE(run_json("account epsilon " + rest + "--noise-multiplier " + shown).at("epsilon_upper").get<double>(), 1);
}

// At this width the noise is found to nine digits, so that rounding it the wrong way shows.
TEST(AccountCommand, ShownFiguresOfACalibrationKeepTheBudget) {
  const std::string rest = "--sampling-rate 0.01 --steps 1000 --delta 1e-5 --method contour ";
  const std::string text = run_line("account noise --epsilon 1.00000005 --width 1e-9 " + rest).out;
  const std::string noise = field(text, "noise multiplier"), epsilon = field(text, "epsilon");
  EXPECT_LE(std::stod(epsilon), 1.00000005) << epsilon;
  EXPECT_LE(run_json("account epsilon " + rest + "--noise-multiplier " + noise).at("epsilon_upper").get<double>(),
            1.00000005);
  for (const char* target : {"1.00000005", "2.0000003"}) {
    const std::string full =
        run_line(std::string("account noise --sampler full --steps 1 --delta 1e-5 --epsilon ") + target).out;
    EXPECT_LE(std::stod(field(full, "epsilon")), std::stod(target)) << full;
  }
}

TEST(AccountCommand, NoiseOfOneFullBatchIsTheAnalyticOne) {
  const auto answer = run_json("account noise --sampler full --steps 1 --epsilon 1 --delta 1e-5");
  EXPECT_NEAR(answer.at("noise_multiplier").get<double>(), 3.730631634815942, 1e-6);
  EXPECT_GE(answer.at("noise_multiplier").get<double>(), 3.730631634815942 * (1 - 1e-11));
}

TEST(AccountCommand, StepsAreTheMostThatFit) {
  const auto answer =
      run_json("account steps --sampling-rate 0.1 --noise-multiplier 3 --epsilon 2 --delta 1e-6 --width 1e-6");
  EXPECT_EQ(answer.at("steps"), 155);  // the exact answer
  EXPECT_LE(answer.at("epsilon_upper").get<double>(), 2);
}

TEST(AccountCommand, RateStaysWithinTheBudgetWhenTypedBackIn) {
  const std::string rest = "--noise-multiplier 3 --steps 1000 --delta 1e-6 ";
  const auto answer = run_json("account rate --epsilon 2 " + rest);
  const double rate = answer.at("sampling_rate");
  EXPECT_LE(answer.at("epsilon_upper").get<double>(), 2);
  EXPECT_GT(run_json("account epsilon " + rest + "--sampling-rate " + exact(rate * 1.01)).at("epsilon_lower"), 2);
  const std::string shown = field(run_line("account rate --epsilon 2 " + rest).out, "sampling rate");
  EXPECT_LE(std::stod(shown), rate);
}

TEST(AccountCommand, NoNoiseIsInfiniteAndNotAnError) {
  const std::string run = "account epsilon --sampling-rate 0.1 --noise-multiplier 0 --steps 1 --delta 1e-5";
  EXPECT_EQ(run_json(run).at("epsilon_upper"), "inf");
  EXPECT_EQ(field(run_line(run).out, "epsilon"), "inf");
  EXPECT_NE(run_line(run).out.find("without noise nothing hides a contribution"), std::string::npos);
}

TEST(AccountCommand, DeltaZeroIsInfiniteUnlessNothingOrOnlyPureReleasesWereMade) {
  const std::string run = "account epsilon --sampling-rate 0.1 --noise-multiplier 1 --delta 0 --steps ";
  EXPECT_EQ(run_json(run + "1").at("epsilon_upper"), "inf");
  EXPECT_EQ(run_json(run + "0").at("epsilon_upper"), 0);
  const sotto::testing::ScratchFolder folder;
  const std::string text =
      R"({"sotto_events":1,"adjacency":"add-remove","unit":{"kind":"record"},"event":{"type":"laplace","noise_multiplier":2}})";
  const auto file = folder.write("laplace.json", {text.begin(), text.end()});
  expect_bracket(run_json("account epsilon --delta 0 --events " + file.string()), 0.5, 0);
}

TEST(AccountCommand, NoSamplingOfAnyRecordCostsNothing) {
  EXPECT_EQ(
      run_json("account epsilon --sampling-rate 0 --noise-multiplier 1 --steps 10 --delta 1e-5").at("epsilon_upper"),
      0);
}

TEST(AccountCommand, HexadecimalFloatsAreExact) {
  EXPECT_EQ(run_json("account epsilon --sampling-rate 0x1p-7 --noise-multiplier 1 --steps 10 --delta 1e-5")
                .at("sampling_rate"),
            1.0 / 128);
}

TEST(AccountCommand, ConsistentRateAndSizesAreAccepted) {
  EXPECT_EQ(run_json(kEpsilon + "--dataset-size 1000 --batch 10").at("epsilon_upper"),
            run_json(kEpsilon).at("epsilon_upper"));
}

TEST(AccountCommand, WarnsOfDoubtfulGuarantees) {
  EXPECT_NE(run_line("account epsilon --dataset-size 1000 --batch 10 --noise-multiplier 1 --steps 10 --delta 0.001")
                .err.find("warning: delta 0.001 is not below 1 / dataset_size"),
            std::string::npos);
  EXPECT_NE(run_line("account epsilon --sampling-rate 0.5 --noise-multiplier 0.5 --steps 10 --delta 1e-5")
                .err.find("warning: epsilon"),
            std::string::npos);
  EXPECT_NE(run_line("account noise --sampler full --steps 1 --epsilon 11 --delta 1e-5").err.find("warning: epsilon"),
            std::string::npos);
  EXPECT_EQ(run_line(kEpsilon).err, "");
}

TEST(AccountCommand, PhasesFilesAndSingleRunsAgree) {
  const sotto::testing::ScratchFolder folder;
  const std::string text =
      R"({"sotto_events":1,"adjacency":"add-remove","unit":{"kind":"record"},"event":{"type":"composed","events":[)"
      R"({"type":"self_composed","count":500,"event":{"type":"poisson_sampled","sampling_rate":0.01,"mechanism":)"
      R"({"type":"gaussian","noise_multiplier":1}}},)"
      R"({"type":"self_composed","count":500,"event":{"type":"poisson_sampled","sampling_rate":0.02,"mechanism":)"
      R"({"type":"gaussian","noise_multiplier":1.5}}}]}})";
  const auto file = folder.write("events.json", {text.begin(), text.end()});
  const auto phases = run_json("account compose --phase 0.01,1,500 --phase 0.02,1.5,500 --delta 1e-5 --method contour");
  expect_bracket(phases, 1.8974759, 3e-7);  // golden_composed.csv, two phases
  for (const char* question : {"compose", "epsilon"}) {
    const auto listed =
        run_json("account " + std::string(question) + " --method contour --delta 1e-5 --events " + file.string());
    EXPECT_EQ(listed.at("epsilon_upper"), phases.at("epsilon_upper"));
    EXPECT_TRUE(listed.at("steps").is_null());
  }
  expect_usage_error("account epsilon --delta 1e-5 --adjacency zero-out --events " + file.string(),
                     {"[--adjacency]", "zero-out", "add-remove"});
  expect_usage_error("account epsilon --delta 1e-5 --steps 4 --events " + file.string(), {"[--steps]", "'4'"});
  const auto single = run_json("account compose --phase 0.01,1,400 --phase 0.01,1,600 --delta 1e-5");
  EXPECT_EQ(single.at("epsilon_upper"), run_json(kEpsilon).at("epsilon_upper"));
}

TEST(AccountCommand, CompareShowsEveryEngineAndMarksTheEstimate) {
  const auto table = run_json("account compare " + kMnist + " --estimate");
  ASSERT_EQ(table.at("engines").size(), 6u);
  for (const auto& row : table.at("engines")) {
    const std::string method = row.at("method"), note = row.at("note");
    if (method == "clt (ESTIMATE)") {
      EXPECT_LT(row.at("epsilon_upper").get<double>(), kMnistEpsilon);  // what makes it an estimate
      EXPECT_NE(note.find("ESTIMATE, not a bound"), std::string::npos);
    } else if (method == "gaussian") {
      EXPECT_TRUE(row.at("epsilon_upper").is_null());
      EXPECT_NE(note.find("unsupported"), std::string::npos);
    } else {
      EXPECT_LE(row.at("epsilon_lower").get<double>(), kMnistEpsilon) << method;
      EXPECT_GE(row.at("epsilon_upper").get<double>(), kMnistEpsilon) << method;
      EXPECT_GE(row.at("milliseconds").get<double>(), 0);
    }
  }
  const Outcome text = run_line("account compare " + kMnist);
  EXPECT_EQ(text.out.find("ESTIMATE"), std::string::npos);
  const Outcome csv = run_line("account compare " + kMnist + " --csv");
  EXPECT_NE(csv.out.find("method,epsilon_lower,epsilon_upper,milliseconds,note\n"), std::string::npos);
}

TEST(AccountCommand, CompareAlsoTakesDelta) {
  const auto table = run_json("account compare --sampler full --noise-multiplier 1 --steps 1 --epsilon " +
                              exact(kUnitGaussianEpsilon));
  for (const auto& row : table.at("engines"))
    if (row.at("method") == "gaussian") {
      EXPECT_NEAR(row.at("delta_upper").get<double>(), 1e-5, 1e-12);
    }
}

TEST(CommandLine, UnknownWordsAreUsageErrors) {
  expect_usage_error("", {"subcommand is required"});
  expect_usage_error("frobnicate", {"unknown command 'frobnicate'"});
  expect_usage_error("account", {"subcommand is required"});
  expect_usage_error(kEpsilon + "--frobnicate", {"--frobnicate"});
  expect_usage_error(kEpsilon + "--delta 1e-6", {"--delta"});
  expect_usage_error("account delta --delta 1e-5", {"--delta"});
}

TEST(CommandLine, VersionIsTheProjects) {
  const Outcome outcome = run_line("--version");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, "sotto " SOTTO_VERSION "\n");
}

TEST(CommandLine, AFullDiskIsAnInputOutputError) {
  const int status = std::system("'" SOTTO_PROGRAM "' --version >/dev/full 2>/dev/null");
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 74);
}

// Milliseconds differ from run to run: two decimals before two spaces.
std::string without_times(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line); result += line + "\n") {
    size_t start = 0, stop = 0;
    for (size_t point = line.find('.'); point != std::string::npos; point = line.find('.', point + 1)) {
      if (line.size() < point + 5 || line.compare(point + 3, 2, "  ") != 0) continue;
      start = line.find_last_of(' ', point) + 1, stop = point + 3;
      while (start > 0 && line[start - 1] == ' ') --start;
    }
    if (stop > 0) line.replace(start, stop - start, " MS");
  }
  return result;
}

// Every "$ sotto ..." line of a help text is run, and must print what the help shows below it.
TEST(CommandLine, WorkedExamplesInHelpAreReal) {
  const sotto::testing::ScratchFolder folder;
  for (const char* question : {"epsilon", "delta", "noise", "steps", "rate", "rdp", "compose", "compare", "curve"}) {
    const std::string command = std::string("account ") + question;
    const Outcome help = run_line(command + " --help");
    EXPECT_EQ(help.exit_code, 0);
    std::istringstream lines(help.out);
    std::string arguments, shown;
    for (std::string line; std::getline(lines, line);) {
      const std::string prompt = "  $ sotto ";
      if (line.rfind(prompt, 0) == 0)
        arguments = line.substr(prompt.size());
      else if (!arguments.empty() && line.rfind("  ", 0) == 0)
        shown += line.substr(2) + "\n";
      else if (!arguments.empty())
        break;
    }
    ASSERT_NE(arguments, "") << help.out;
    EXPECT_EQ(arguments.rfind(command, 0), 0u) << arguments;
    const Outcome outcome = run_line(arguments, folder.path().string());
    EXPECT_EQ(outcome.exit_code, 0) << arguments << "\n" << outcome.err;
    if (std::string(question) == "compare")
      EXPECT_EQ(without_times(outcome.out), without_times(shown));
    else
      EXPECT_EQ(outcome.out, shown);
  }
}

}  // namespace
}  // namespace sotto::tools

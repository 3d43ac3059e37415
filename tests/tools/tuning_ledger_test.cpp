#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/tuning_ledger.h>
#include <sotto/tools/tuning_plan.h>
#include <sotto/tools/tuning_run.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <iterator>

#include "../privacy/selection_law.h"
#include "../support/scratch_folder.h"

namespace sotto::tools {
namespace {

TuningStart example_start() {
  TuningStart start;
  start.record = {.time = "2026-01-31T23:59:59Z",
                  .runs = privacy::PoissonRuns{4},
                  .score = "accuracy on the test records",
                  .candidates = {{{"lr", "1"}}, {{"lr", "2"}}},
                  .event = {0.1, {1.5}},
                  .steps = 10,
                  .delta = 1e-5};
  start.configs = {"lr = 1\n", "lr = 2\n"};
  start.output = "/nowhere";
  return start;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class TuningLedgerTest : public ::testing::Test {
 protected:
  std::filesystem::path work() const { return folder_.path() / "work"; }
  std::filesystem::path file() const { return work() / kTuningLedger; }
  sotto::testing::ScratchFolder folder_;
};

TEST_F(TuningLedgerTest, SaysWhatWasDoneAndGoesOnWithoutATornLine) {
  {
    TuningLedger ledger = TuningLedger::create(work(), example_start());
    EXPECT_THROW(TuningLedger::open(work()), LedgerError) << "one tuning, one process";
    EXPECT_THROW(ledger.start(0), LedgerError) << "nothing is drawn yet";
    ledger.draw({1, 0, 1});
    EXPECT_THROW(ledger.draw({1}), LedgerError);
    ledger.start(0);
    EXPECT_THROW(ledger.start(0), LedgerError) << "no second chance";
    ledger.end(0, 0.5);
    EXPECT_THROW(ledger.end(0, 0.7), LedgerError);
    EXPECT_THROW(ledger.start(3), LedgerError);
    EXPECT_THROW(ledger.release(0), LedgerError) << "not all runs are over";
    ledger.start(1);
  }
  std::ofstream(file(), std::ios::app) << R"({"record":"end","run":2,"sco)";
  TuningLedger ledger = TuningLedger::open(work());
  ASSERT_EQ(ledger.contents().runs->size(), 3u);
  EXPECT_EQ(ledger.contents().start.record, example_start().record);
  EXPECT_TRUE(ledger.contents().runs->at(1).started && !ledger.contents().runs->at(1).ended);
  ledger.end(1, std::nan(""));
  ledger.start(2);
  ledger.end(2, 0.5);
  EXPECT_EQ(ledger.contents().best(), 0u) << "the first of equal ones";
  EXPECT_THROW(ledger.release(2), LedgerError);
  ledger.release(0);
  EXPECT_TRUE(parse_tuning_ledger(text_of(file())).released);
}

// The record of a failed write may be there or not, so that no other one may follow it.
TEST_F(TuningLedgerTest, TakesNothingAfterAWriteThatFailed) {
  TuningLedger ledger = TuningLedger::create(work(), example_start());
  ledger.draw({1, 0});
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full = {std::filesystem::file_size(file()), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  EXPECT_THROW(ledger.start(0), IoError);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, ignored);
  EXPECT_THROW(ledger.end(0, 0.5), LedgerError);
  EXPECT_FALSE(parse_tuning_ledger(text_of(file())).runs->at(0).started);
}

TEST_F(TuningLedgerTest, NoticesEveryChangedByteAndEveryMissingLine) {
  {
    TuningLedger ledger = TuningLedger::create(work(), example_start());
    ledger.draw({1, 0});
    ledger.start(0);
    ledger.end(0, 0.25);
  }
  const std::string whole = text_of(file());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i] == '\n') continue;
    std::string changed = whole;
    changed[i] ^= 1;
    if (changed[i] == '\n') continue;
    EXPECT_THROW(parse_tuning_ledger(changed), LedgerError) << i;
  }
  for (std::size_t line = 0, begin = 0; line < 3; ++line) {
    const std::size_t end = whole.find('\n', begin) + 1;
    EXPECT_THROW(parse_tuning_ledger(whole.substr(0, begin) + whole.substr(end)), LedgerError) << line;
    begin = end;
  }
  EXPECT_THROW(parse_tuning_ledger(""), LedgerError);
}

TEST(TuningRecord, IsReadInItsExactTextOnly) {
  TuningRecord record = example_start().record;
  EXPECT_EQ(parse_tuning_record(to_json(record)), record);
  record.runs = privacy::TruncatedNegativeBinomial{-0.5, 1.0 / 3};
  EXPECT_EQ(parse_tuning_record(to_json(record)), record);
  const std::string text = to_json(record);
  for (const std::string& bad : {std::string(), std::string("{}"), " " + text, text + "\n", text.substr(0, 20)})
    EXPECT_THROW(parse_tuning_record(bad), DataError) << bad;
  record.runs = privacy::PoissonRuns{-1};
  EXPECT_THROW(parse_tuning_record(to_json(record)), DataError);
}

// The number of runs against its law, and candidates against the uniform one. Keys come from the operating system: a
// statistic beyond 6 standard deviations, about twice in 10^9 runs, is a false alarm.
TEST(TuningDraw, FollowsTheLawAndChoosesUniformly) {
  constexpr int kDraws = 3000;
  constexpr std::size_t kCandidates = 5;
  for (const privacy::SelectionRuns& runs :
       {privacy::SelectionRuns(privacy::PoissonRuns{3}), law_of_runs("geometric", 3), law_of_runs("logarithmic", 4)}) {
    const std::vector<long double> law = privacy::test::selection_law(runs);
    std::vector<int> numbers(4), chosen(kCandidates);
    int total = 0;
    for (int i = 0; i < kDraws; ++i) {
      const std::vector<std::size_t> draw = draw_candidates(runs, kCandidates);
      if (draw.size() < numbers.size()) ++numbers[draw.size()];
      for (const std::size_t candidate : draw) ++chosen.at(candidate), ++total;
    }
    const auto expect_binomial = [](int count, int draws, double p) {
      EXPECT_NEAR(count, draws * p, 6 * std::sqrt(draws * p * (1 - p)) + 1e-9);
    };
    for (std::size_t k = 0; k < numbers.size(); ++k) expect_binomial(numbers[k], kDraws, static_cast<double>(law[k]));
    for (const int count : chosen) expect_binomial(count, total, 1.0 / kCandidates);
  }
}

TEST(TuningPlan, MostRunsIsAQuantileOfTheLaw) {
  for (const privacy::SelectionRuns& runs :
       {privacy::SelectionRuns(privacy::PoissonRuns{12}), law_of_runs("geometric", 12), law_of_runs("logarithmic", 12),
        law_of_runs("-0.5", 5), law_of_runs("2.5", 5)}) {
    EXPECT_TRUE(std::holds_alternative<privacy::PoissonRuns>(runs) ||
                std::abs(privacy::mean_runs(runs) - std::round(privacy::mean_runs(runs))) < 1e-6);
    const std::vector<long double> law = privacy::test::selection_law(runs);
    for (const double probability : {0.5, 0.95, 0.99}) {
      long double below = 0;
      std::int64_t k = 0;
      for (; below + law[static_cast<std::size_t>(k)] < probability; ++k) below += law[static_cast<std::size_t>(k)];
      EXPECT_EQ(most_runs(runs, probability), k) << to_text(runs);
    }
  }
  EXPECT_THROW(law_of_runs("zipf", 3), UsageError);
  EXPECT_THROW(law_of_runs("-1", 3), UsageError);
  EXPECT_THROW(law_of_runs("poisson", 0), UsageError);
}

}  // namespace
}  // namespace sotto::tools

// Evaluations on private records in the ledger: planned in its header, charged before they are made, never more often
// than planned, and charged whatever a crash left of their record.

#include <fcntl.h>
#include <sotto/privacy/ledger_text.h>
#include <sys/resource.h>

#include <csignal>

#include "ledger_fixture.h"

namespace sotto::privacy {
namespace {

class LedgerEvaluationTest : public LedgerTest {
 protected:
  static LedgerHeader planned(std::int64_t count = 3, std::int64_t steps = 100) {
    LedgerHeader h = header();
    h.steps = steps;
    h.evaluations = PlannedEvaluations{count, 20};
    return h;
  }
  Ledger begin() { return Ledger::create(path_, planned(), keys(1)); }
  static void evaluate(Ledger& ledger, int incarnation = 1) { ledger.reserve_evaluation(keys(incarnation).noise_key); }
};

TEST_F(LedgerEvaluationTest, AreInTheHeaderAndAmongWhatWasSpentButAreNoSteps) {
  {
    Ledger ledger = begin();
    charge(ledger, 2);
    EXPECT_EQ(ledger.reserve_evaluation(keys(1).noise_key), 1);
    charge(ledger, 1);
    EXPECT_EQ(ledger.reserve_evaluation(keys(1).noise_key), 2);
  }
  const LedgerContents found = read_ledger(path_);
  EXPECT_EQ(found.header.evaluations, (PlannedEvaluations{3, 20}));
  EXPECT_EQ(found.steps_charged(), 3);
  EXPECT_EQ(found.evaluations_charged, 2);
  EXPECT_EQ(found.last_step, 2);
  ASSERT_EQ(found.spent.size(), 4u);
  EXPECT_TRUE(same_parameters(found.spent[1].event, StepEvent{1, Gaussian{20}}));
  EXPECT_TRUE(same_parameters(found.spent[3].event, StepEvent{1, Gaussian{20}}));
  EXPECT_EQ(ledger_until(content_of(path_), found.head_hash).value().evaluations_charged, 2);
  Ledger ledger = Ledger::open(path_, keys(2));
  EXPECT_EQ(ledger.reserve_evaluation(keys(2).noise_key), 3);
  EXPECT_EQ(ledger.next_step(), 3);
}

TEST_F(LedgerEvaluationTest, ALedgerWithoutThemSaysNothingOfThem) {
  Ledger ledger = create();
  EXPECT_EQ(content_of(path_).find("evaluation"), std::string::npos);
  EXPECT_THROW(evaluate(ledger), LedgerError);
  EXPECT_EQ(ledger.contents().evaluations_charged, 0);
}

TEST_F(LedgerEvaluationTest, MoreThanPlannedOrWithAnotherKeyAreRefused) {
  Ledger ledger = begin();
  EXPECT_THROW(ledger.reserve_evaluation(keys(2).noise_key), LedgerError);
  for (int i = 0; i < 3; ++i) evaluate(ledger);
  EXPECT_THROW(evaluate(ledger), BudgetExhausted);
  ledger.begin_reserve(0, kEvent, 0.3, keys(1).noise_key);
  EXPECT_THROW(evaluate(ledger), LedgerError);  // a step is on its way
  ledger.reserve(0, kEvent, 0.3, keys(1).noise_key);
  EXPECT_EQ(read_ledger(path_).evaluations_charged, 3);
}

TEST_F(LedgerEvaluationTest, ALineTooManyIsDamage) {
  {
    Ledger ledger = begin();
    for (int i = 0; i < 3; ++i) evaluate(ledger);
  }
  const LedgerContents found = read_ledger(path_);
  replace_content(path_, content_of(path_) + ledger_text::evaluation(4, 1, found.head_hash) + "\n");
  EXPECT_NE(refusal().find("more evaluations than are planned"), std::string::npos) << refusal();
}

TEST_F(LedgerEvaluationTest, AChargedOneIsNotReplacedByANewRun) {
  {
    Ledger ledger = begin();
    evaluate(ledger);
  }
  EXPECT_THROW(begin(), LedgerError);
}

// Cut at every byte of the line: it is charged from its first byte on, and stays charged when the run goes on.
TEST_F(LedgerEvaluationTest, ATornOneIsChargedWhereverItWasCut) {
  {
    Ledger ledger = begin();
    charge(ledger, 2);
    evaluate(ledger);
  }
  const std::string whole = content_of(path_);
  const std::size_t line = whole.rfind("{\"record\":\"evaluation\"");
  const std::size_t told = line + ledger_text::kEvaluationStart.size();  // from here on it can be nothing else
  for (std::size_t length = line + 1; length < whole.size(); ++length) {
    replace_content(path_, whole.substr(0, length));
    const LedgerContents read = read_ledger(path_);
    ASSERT_TRUE(read.torn && read.torn_evaluation) << length;
    ASSERT_EQ(read.evaluations_charged, 1) << length;
    ASSERT_EQ(read.steps_charged(), length < told ? 3 : 2) << length;
    {
      const Ledger resumed = Ledger::open(path_, keys(2));
      ASSERT_EQ(resumed.contents().evaluations_charged, 1);
      ASSERT_EQ(resumed.contents().steps_charged(), length < told ? 3 : 2);
    }
    ASSERT_EQ(read_ledger(path_).evaluations_charged, 1);
  }
}

// A torn step may have been an evaluation as long as the two cannot be told apart, and no longer.
TEST_F(LedgerEvaluationTest, ATornStepIsAnEvaluationTooUntilItCanBeTold) {
  {
    Ledger ledger = begin();
    charge(ledger, 2);
  }
  const std::string whole = content_of(path_);
  const std::size_t line = whole.rfind("{\"record\":\"reserve\"");
  for (std::size_t length = line + 1; length < whole.size(); ++length) {
    replace_content(path_, whole.substr(0, length));
    const LedgerContents read = read_ledger(path_);
    ASSERT_EQ(read.steps_charged(), 2) << length;
    ASSERT_EQ(read.evaluations_charged, length < line + ledger_text::kEvaluationStart.size() ? 1 : 0) << length;
  }
}

TEST_F(LedgerEvaluationTest, ATornLineIsNoneThatIsNotPlannedAnyMore) {
  {
    Ledger ledger = Ledger::create(path_, planned(1, 2), keys(1));
    charge(ledger, 2);
    evaluate(ledger);
  }
  replace_content(path_, content_of(path_) + "{");
  const LedgerContents read = read_ledger(path_);
  EXPECT_EQ(read.steps_charged(), 2);
  EXPECT_EQ(read.evaluations_charged, 1);
}

// What a full disk does.
TEST_F(LedgerEvaluationTest, OneThatCannotBeWrittenIsRefusedAndEndsTheIncarnation) {
  Ledger ledger = begin();
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{static_cast<rlim_t>(std::filesystem::file_size(path_)), before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &full);
  EXPECT_THROW(evaluate(ledger), IoError);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THROW(evaluate(ledger), LedgerError);
  EXPECT_THROW(charge(ledger, 1), LedgerError);
}

TEST_F(LedgerEvaluationTest, AHeaderWithAPlanOutOfItsRangeIsRefused) {
  for (const PlannedEvaluations& bad :
       {PlannedEvaluations{0, 20}, PlannedEvaluations{101, 20}, PlannedEvaluations{3, 0}}) {
    LedgerHeader h = header();
    h.evaluations = bad;
    EXPECT_THROW(Ledger::create(path_, h, keys(1)), UsageError);
  }
}

}  // namespace
}  // namespace sotto::privacy

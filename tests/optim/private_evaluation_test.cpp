// PrivateTraining::evaluate: what one planned evaluation on the private records releases, and what it is charged.

#include <cmath>
#include <limits>

#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

constexpr double kNoise = 25;

class PrivateEvaluationTest : public PrivateTrainingTest {
 protected:
  static Overrides evaluated(std::optional<std::uint64_t> seed = 7, int64_t count = 3) {
    Overrides result;
    result.plan.steps = 400;
    result.plan.noise_multiplier = 10;
    result.plan.evaluations = privacy::PlannedEvaluations{count, kNoise};
    result.seed = seed;
    return result;
  }
  PrivateTraining training(const Overrides& overrides, const std::string& name, int64_t records = kRecords) {
    return PrivateTraining(*net_, optimizer_, tensor_records(data(records)), options(overrides, name));
  }
  Vectors scores() {
    return [net = net_](const std::vector<Tensor>& inputs) mutable { return net->forward(inputs[0]); };
  }
  // Of every record the same.
  static Contributions constant(double first, double second) {
    return [=](const Tensor& all, const std::vector<Tensor>&) {
      return torch::tensor({first, second}, torch::kDouble).expand({all.size(0), 2});
    };
  }
  static int64_t charged(const PrivateTraining& training) { return training.ledger().contents().evaluations_charged; }

  nn::Sequential net_ = network();
  torch::optim::SGD optimizer_{net_->parameters(), torch::optim::SGDOptions(0.1)};
};

// The same seed draws the same noise: what is left between two results is the sums.
TEST_F(PrivateEvaluationTest, EveryRecordCountsOnceWithANormOfAtMostOne) {
  const auto sums = [&](const Contributions& of, const std::string& name, int64_t records = kRecords) {
    return training(evaluated(), name, records).evaluate(scores(), of).sums;
  };
  const auto nothing = sums(constant(0, 0), "nothing");
  const double root = std::sqrt(0.5);
  int file = 0;
  for (const auto& [given, taken] : std::vector<std::pair<std::array<double, 2>, std::array<double, 2>>>{
           {{root, root}, {root, root}},
           {{0.25, 0.5}, {0.25, 0.5}},
           {{3, 4}, {0.6, 0.8}},
           {{1e300, 0}, {1, 0}},
           {{std::numeric_limits<double>::quiet_NaN(), 0.5}, {0, 0}},
           {{std::numeric_limits<double>::infinity(), 0.5}, {0, 0}}}) {
    const auto found = sums(constant(given[0], given[1]), "sums" + std::to_string(file++));
    for (const size_t c : {0, 1}) EXPECT_NEAR(found[c] - nothing[c], kRecords * taken[c], 1e-9) << given[0];
  }
  EXPECT_EQ(training(evaluated(), "size", kRecords - 7).evaluate(scores(), constant(0, 0)).size, kRecords);
  // One record less moves the sums by what it contributed.
  const auto all = sums(constant(root, root), "all"), less = sums(constant(root, root), "less", kRecords - 1);
  EXPECT_NEAR(std::hypot(all[0] - less[0], all[1] - less[1]), 1, 1e-9);
}

// One sample for each of 400 evaluations: 800 normal numbers. Their variance lies within 4.5 of its standard deviations
// but in one of 1e5 runs, and the seed is fixed.
TEST_F(PrivateEvaluationTest, TheNoiseHasThePlannedVarianceAndIsDrawnAnewEachTime) {
  PrivateTraining run = training(evaluated(7, 400), "law");
  double sum = 0, squares = 0, products = 0;
  std::array<double, 2> before = {};
  for (int i = 1; i <= 400; ++i) {
    const NoisySums found = run.evaluate(scores(), constant(0, 0));
    EXPECT_EQ(found.number, i);
    ASSERT_NE(found.sums, before);
    for (const double x : found.sums) {
      sum += x / kNoise;
      squares += x * x / (kNoise * kNoise);
    }
    products += found.sums[0] * before[0] / (kNoise * kNoise);
    before = found.sums;
  }
  EXPECT_LT(std::abs(sum), 4.5 * std::sqrt(800.0));
  EXPECT_NEAR(squares, 800, 4.5 * std::sqrt(1600.0));
  EXPECT_LT(std::abs(products), 4.5 * std::sqrt(399.0));
  EXPECT_EQ(charged(run), 400);
}

TEST_F(PrivateEvaluationTest, KeysFromTheOperatingSystemDrawOtherNoiseInEveryStart) {
  Overrides overrides = evaluated(std::nullopt);
  const auto first = training(overrides, "secret").evaluate(scores(), constant(0, 0));
  overrides.resume = true;
  const auto second = training(overrides, "secret").evaluate(scores(), constant(0, 0));
  EXPECT_EQ(first.number, 1);
  EXPECT_EQ(second.number, 2);
  EXPECT_NE(first.sums, second.sums);
}

TEST_F(PrivateEvaluationTest, IsChargedBesideTheStepsAndNeverBeyondThePlan) {
  PrivateTraining run = training(evaluated(7, 2), "charged");
  const double before = run.epsilon();
  run.evaluate(scores(), constant(0, 0));
  EXPECT_GT(run.epsilon(), before);
  EXPECT_EQ(run.steps_charged(), 0);
  run.step(losses_of(net_));
  run.evaluate(scores(), constant(0, 0));
  EXPECT_THROW(run.evaluate(scores(), constant(0, 0)), BudgetExhausted);
  EXPECT_EQ(run.steps_charged(), 1);
  EXPECT_EQ(charged(run), 2);
  EXPECT_LE(run.epsilon(), run.plan().epsilon());
  PrivateTraining none = training({}, "none");
  EXPECT_THROW(none.evaluate(scores(), constant(0, 0)), UsageError);
}

TEST_F(PrivateEvaluationTest, ARunIsResumedWithTheEvaluationsThatItBeganWith) {
  { training(evaluated(7, 2), "resumed").evaluate(scores(), constant(0, 0)); }
  Overrides other = evaluated(7, 3);
  other.resume = true;
  EXPECT_THROW(training(other, "resumed"), LedgerError);
}

// In evaluation mode alone, where training never looked.
TEST_F(PrivateEvaluationTest, ScoresThatMixRecordsAreRefusedBeforeACharge) {
  PrivateTraining run = training(evaluated(), "mixed");
  const Vectors mixed = [&](const std::vector<Tensor>& inputs) {
    const Tensor all = net_->forward(inputs[0]);
    return all - all.mean(0, true);
  };
  EXPECT_THROW(run.evaluate(mixed, constant(0, 0)), UsageError);
  EXPECT_EQ(charged(run), 0);
}

// What the first examination could not see: a branch that a later state takes.
TEST_F(PrivateEvaluationTest, ScoresThatMixRecordsLaterAreRefusedThen) {
  PrivateTraining run = training(evaluated(), "later");
  bool mixes = false;
  const Vectors scores = [&](const std::vector<Tensor>& inputs) {
    const Tensor all = net_->forward(inputs[0]);
    return mixes ? all - all.mean(0, true) : all;
  };
  run.evaluate(scores, constant(0, 0));
  mixes = true;
  EXPECT_THROW(run.evaluate(scores, constant(0, 0)), UsageError);
  EXPECT_EQ(charged(run), 1);
}

// A model that mixes records is what this fallback is for: alone, a record is its own mean.
TEST_F(PrivateEvaluationTest, WithTheFallbackEveryRecordIsScoredAlone) {
  const auto sums = [&](const Vectors& scores, const Contributions& of, const std::string& name) {
    PrivateTrainingOptions alone = options(evaluated(), name);
    alone.tape.fallback = Fallback::per_record;
    return PrivateTraining(*net_, optimizer_, tensor_records(data()), alone).evaluate(scores, of).sums;
  };
  const Vectors mixed = [&](const std::vector<Tensor>& inputs) {
    const Tensor all = net_->forward(inputs[0]);
    return all - all.mean(0, true);
  };
  const Contributions distance = [](const Tensor& all, const std::vector<Tensor>&) {
    const Tensor lengths = all.abs().sum(1).to(torch::kDouble);
    return torch::stack({lengths, lengths}, 1);
  };
  EXPECT_EQ(sums(mixed, distance, "mixed"), sums(scores(), constant(0, 0), "nothing"));
  // And the sums are those of all records at once.
  const auto fast = training(evaluated(), "fast").evaluate(scores(), distance).sums;
  const auto slow = sums(scores(), distance, "slow");
  for (const size_t c : {0, 1}) EXPECT_NEAR(fast[c], slow[c], 1e-3);
}

TEST_F(PrivateEvaluationTest, ContributionsOfAnotherShapeAreRefusedBeforeACharge) {
  PrivateTraining run = training(evaluated(), "shape");
  const Contributions wide = [](const Tensor& all, const std::vector<Tensor>&) {
    return torch::zeros({all.size(0), 3});
  };
  EXPECT_THROW(run.evaluate(scores(), wide), UsageError);
  EXPECT_EQ(charged(run), 0);
}

}  // namespace
}  // namespace sotto::optim

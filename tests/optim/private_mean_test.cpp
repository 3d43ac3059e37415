// PrivateTraining::mean: one planned step that releases a mean of vectors in the place of a gradient.

#include <cmath>
#include <limits>

#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

constexpr int64_t kWidth = 48;
constexpr double kLength = 3, kClipNorm = 0.5;

class PrivateMeanTest : public PrivateTrainingTest {
 protected:
  // Every record is in the sample, so that the noise alone stands between the result and the mean.
  static Overrides whole(WeightRule rule = WeightRule::flat(kClipNorm)) {
    Overrides result;
    result.plan.expected_batch_size = kRecords;
    result.rule = std::move(rule);
    return result;
  }
  // With much in common, each of norm kLength.
  static Tensor vectors() {
    torch::manual_seed(5);
    const Tensor drawn = torch::randn({kRecords, kWidth}) + 2 * torch::randn({kWidth});
    return kLength * drawn / drawn.norm(2, 1, /*keepdim=*/true);
  }
  static Losses itself() {
    return [](const std::vector<Tensor>& inputs) { return inputs[0]; };
  }
  PrivateTraining training(const Tensor& records, const Overrides& overrides, const std::string& name) {
    return PrivateTraining(*net_, optimizer_, tensor_records({records, labels_}), options(overrides, name));
  }
  Tensor mean(const Tensor& records, const Overrides& overrides, const std::string& name) {
    return training(records, overrides, name).mean(itself(), kWidth, kLength);
  }

  nn::Sequential net_ = nn::Sequential(nn::Linear(kWidth, 3));
  torch::optim::SGD optimizer_{net_->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9)};
  Tensor labels_ = torch::zeros({kRecords}, torch::kLong);
};

TEST_F(PrivateMeanTest, IsTheMeanAndNoiseOfThePlannedSize) {
  const Tensor records = vectors();
  for (const WeightRule& rule :
       {WeightRule::flat(kClipNorm), WeightRule::flat(5 * kLength), WeightRule::psac(kClipNorm),
        WeightRule::auto_s(kClipNorm), WeightRule::nsgd(kClipNorm)}) {
    const Tensor result = mean(records, whole(rule), rule.name() + std::to_string(rule.sensitivity()));
    ASSERT_EQ(result.sizes(), at::IntArrayRef({kWidth}));
    EXPECT_FALSE(result.requires_grad());
    const double deviation = rule.sensitivity() / (kRecords * static_cast<double>(rule.weight(kLength)));
    const double seen = (result - records.mean(0)).norm().item<double>() / std::sqrt(static_cast<double>(kWidth));
    EXPECT_GT(seen, 0.6 * deviation) << rule.name();
    EXPECT_LT(seen, 1.4 * deviation) << rule.name();
  }
}

TEST_F(PrivateMeanTest, OneRecordChangesItByAtMostTheSensitivity) {
  const Tensor records = vectors();
  const double most = kClipNorm / (kRecords * static_cast<double>(WeightRule::flat(kClipNorm).weight(kLength)));
  const Tensor result = mean(records, whole(), "all");
  for (const double size : {0.0, 1.0, 1e6, std::numeric_limits<double>::infinity()}) {
    Tensor others = records.clone();
    others[17] *= -size;
    // Replacing a record removes one and adds one.
    const double change = (mean(others, whole(), "other" + std::to_string(size)) - result).norm().item<double>();
    EXPECT_LE(change, 2 * most * 1.0001) << size;
    EXPECT_GT(change, 0.9 * most) << size;
  }
}

TEST_F(PrivateMeanTest, IsAStepOfThePlanThatLeavesModelAndOptimizerAlone) {
  Overrides overrides = whole();
  overrides.plan.steps = 3;
  PrivateTraining of = training(vectors(), overrides, "ledger.jsonl");
  const Parameters before = values(net_);
  of.mean(itself(), kWidth, kLength);
  EXPECT_EQ(of.steps_charged(), 1);
  const privacy::Phases spent = privacy::read_ledger(path()).spent;
  ASSERT_EQ(spent.size(), 1U);
  EXPECT_EQ(spent[0].count, 1);
  EXPECT_TRUE(privacy::same_parameters(spent[0].event, of.plan().step_event()));
  EXPECT_TRUE(flat(values(net_)).equal(flat(before)));
  EXPECT_TRUE(optimizer_.state().empty());
  EXPECT_FALSE(net_->parameters()[0].grad().defined());
  EXPECT_THROW(of.update(), UsageError);

  of.step(losses_of(net_));
  of.mean(itself(), kWidth, kLength);
  EXPECT_EQ(of.steps_charged(), 3);
  EXPECT_TRUE(of.finished());
  EXPECT_THROW(of.mean(itself(), kWidth, kLength), BudgetExhausted);
  EXPECT_EQ(of.steps_charged(), 3);
}

// No two releases have the same noise.
TEST_F(PrivateMeanTest, EveryCallDrawsNoiseOfItsOwn) {
  PrivateTraining of = training(vectors(), whole(), "ledger.jsonl");
  const Tensor first = of.mean(itself(), kWidth, kLength), second = of.mean(itself(), kWidth, kLength);
  const double deviation = kClipNorm / (kRecords * kClipNorm / kLength);
  EXPECT_GT((first - second).norm().item<double>(), 0.6 * std::sqrt(2.0 * kWidth) * deviation);
}

TEST_F(PrivateMeanTest, RefusesBeforeAChargeWhatItCannotBound) {
  PrivateTraining of = training(vectors(), whole(), "ledger.jsonl");
  const auto refused = [&](const Losses& vectors, int64_t width, double length, const std::string& what) {
    try {
      of.mean(vectors, width, length);
      ADD_FAILURE() << what;
    } catch (const UsageError& error) {
      EXPECT_TRUE(contains(error.what(), what)) << error.what();
    }
  };
  refused(itself(), 0, 1, "width: 0");
  refused(itself(), 3 * kWidth + 4, 1, "width: 148");
  refused(itself(), kWidth, 0, "length: 0");
  refused(itself(), kWidth, std::nan(""), "length: nan");
  refused(itself(), kWidth, std::numeric_limits<double>::infinity(), "length: inf");
  refused([](const auto& inputs) { return inputs[0] - inputs[0].mean(0); }, kWidth, kLength,
          "combines different records");
  EXPECT_EQ(of.steps_charged(), 0);

  const Overrides two = whole(WeightRule::flat_per_group({0.3, 0.4}));
  nn::Sequential deep(nn::Linear(kWidth, 4), nn::Linear(4, 3));
  torch::optim::SGD optimizer(deep->parameters(), 0.1);
  PrivateTraining per_group(*deep, optimizer, tensor_records({vectors(), labels_}), options(two, "groups.jsonl"));
  try {
    per_group.mean(itself(), kWidth, kLength);
    ADD_FAILURE() << "a rule per group";
  } catch (const UsageError& error) {
    EXPECT_TRUE(contains(error.what(), "per group")) << error.what();
  }
}

}  // namespace
}  // namespace sotto::optim

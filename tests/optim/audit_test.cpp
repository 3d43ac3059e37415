// The audits of a private step find nothing in one that is right; what they find in wrong ones is in the zoo of planted
// faults.

#include <sotto/optim/canary_audit.h>
#include <sotto/optim/mechanism_replays.h>
#include <sotto/optim/neighbour_replay.h>
#include <sotto/optim/noise_check.h>
#include <sotto/optim/sampler_check.h>

#include <algorithm>
#include <cmath>

#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

class AuditTest : public PrivateTrainingTest {
 protected:
  AuditedTraining audited(const Overrides& overrides = {}) {
    AuditedTraining result{
        .parameters = trainable_parameters(*net_), .options = options(overrides), .losses = losses_of(net_)};
    result.options.inputs = {{.sizes = {4}, .low = -1}, {.sizes = {}, .dtype = at::kLong, .vocabulary = 3}};
    return result;
  }
  static void expect_all(const std::vector<AuditFinding>& findings) {
    for (const AuditFinding& finding : findings) EXPECT_TRUE(finding.holds) << finding.subject << ": " << finding.text;
  }

  nn::Sequential net_ = network();
};

TEST_F(AuditTest, NeighboursMoveASumByTheSensitivityAtMostAndNothingElse) {
  for (const WeightRule& rule : {WeightRule::psac(0.5), WeightRule::flat(0.1), WeightRule::auto_s(2.0),
                                 WeightRule::nsgd(1.0), WeightRule::adaptive(0.1, {.count_noise = 0.7}),
                                 WeightRule::adaptive(10, {.quantile = 0.9, .count_noise = 3})}) {
    Overrides overrides;
    overrides.rule = rule;
    const std::vector<AuditFinding> findings = replay_neighbours(audited(overrides), 1);
    EXPECT_EQ(findings.size(), 14u);
    expect_all(findings);
  }
}

// A large record uses the bound up, so that a smaller one could not be stated.
TEST_F(AuditTest, ReplayReachesTheBound) {
  Overrides overrides;
  overrides.rule = WeightRule::flat(0.1);
  const std::vector<AuditFinding> findings = replay_neighbours(audited(overrides), 1);
  EXPECT_NE(findings.at(3).text.find("moves the sum by 1.000"), std::string::npos) << findings.at(3).text;
}

// Sum and count are moved together by what the noise multiplier of both is for, half of the square by each of them
// here.
TEST_F(AuditTest, ReplayReachesTheBoundOfSumAndCountTogether) {
  Overrides overrides;
  overrides.rule = WeightRule::adaptive(0.1, {.count_noise = std::sqrt(0.5)});
  const std::vector<AuditFinding> findings = replay_neighbours(audited(overrides), 1);
  EXPECT_NE(findings.at(3).text.find("moves the sum by 1.000"), std::string::npos) << findings.at(3).text;
}

TEST_F(AuditTest, NoiseOfTheCountIsLookedAtWhereThereIsOne) {
  Overrides overrides;
  overrides.rule = WeightRule::adaptive(0.1, {.count_noise = 3});
  const std::vector<AuditFinding> findings = check_noise(audited(overrides), 100'000);
  expect_all(findings);
  EXPECT_EQ(std::ranges::count_if(findings, [](const auto& f) { return contains(f.subject, "count"); }), 5);
  overrides.plan.steps = 1;
  expect_all(check_noise(audited(overrides), 10'000));
}

TEST_F(AuditTest, NoiseAndSamplingAreThoseOfThePlan) {
  expect_all(check_noise(audited(), 200'000));
  expect_all(check_sampler(audited()));
}

// Hidden from the analysis, and from a probe with inputs of the declared range: one record with large values turns the
// gradients of all.
TEST_F(AuditTest, ALeakingModelMovesASumByMoreThanTheBound) {
  AuditedTraining leaking = audited();
  leaking.losses = [this](const std::vector<Tensor>& inputs) {
    double largest = 0;
    for (int64_t i = 0; i < inputs[0].numel(); ++i)
      largest = std::max<double>(largest, std::abs(inputs[0].const_data_ptr<float>()[i]));
    return losses_of(net_)(inputs) * (largest > 1000 ? -1 : 1);
  };
  const std::vector<AuditFinding> findings = replay_neighbours(leaking, 1);
  EXPECT_TRUE(findings.at(2).holds) << findings.at(2).text;
  EXPECT_FALSE(findings.at(3).holds) << findings.at(3).text;
}

TEST_F(AuditTest, CanariesBoundEpsilonFromBelowAndNotAboveTheClaim) {
  Overrides overrides;
  overrides.plan.steps = 20;
  overrides.plan.noise_multiplier.reset();
  overrides.plan.epsilon = 3;
  const CanaryAudit audit = audit_with_canaries(audited(overrides), {.canaries = 400, .records = 100});
  EXPECT_TRUE(audit.holds()) << audit.bound.epsilon;
  EXPECT_NEAR(audit.epsilon, 3, 0.01);
  EXPECT_GT(audit.included, 120);
  EXPECT_LT(audit.included, 280);

  // Little noise, and every record in every step: the auditor has eyes.
  overrides.plan.epsilon.reset();
  overrides.plan.noise_multiplier = 1.0;
  overrides.plan.expected_batch_size = kRecords;
  overrides.plan.steps = 6;
  EXPECT_GT(audit_with_canaries(audited(overrides), {.canaries = 400, .records = 100}).bound.epsilon, 1);
  overrides.rule = WeightRule::adaptive(0.5, {.count_noise = 3});
  const CanaryAudit adaptive = audit_with_canaries(audited(overrides), {.canaries = 400, .records = 100});
  EXPECT_GT(adaptive.bound.epsilon, 1);
  EXPECT_TRUE(adaptive.holds());
  EXPECT_THROW(audit_with_canaries(audited(), {.canaries = 19}), UsageError);
  EXPECT_THROW(audit_with_canaries(audited(), {.confidence = 1}), UsageError);
}

// Between what 20,000 replays can show and the truth, for one group and for two, whose bounds add up.
TEST_F(AuditTest, ReplaysOfTheMechanismReachItsMuAndNotMore) {
  for (const WeightRule& rule : {WeightRule::psac(0.5), WeightRule::flat_per_group({0.3, 0.4}),
                                 WeightRule::adaptive(0.5, {.count_noise = std::sqrt(0.5)})}) {
    Overrides overrides;
    overrides.rule = rule;
    AuditedTraining training = audited(overrides);
    if (rule.per_group()) training.groups = module_groups(training.parameters);
    const MechanismReplays replays = replay_mechanism(training, {.replays = 20'000, .confidence = 1 - 1e-6});
    // The sum alone of the rule adaptive: half of the square of mu, by this noise of the count.
    const double share = rule.adaptive_clipping() ? std::sqrt(0.5) : 1;
    EXPECT_NEAR(replays.mu, share / training.options.plan.noise_multiplier(), 1e-12);
    EXPECT_TRUE(replays.holds()) << replays.audit.mu;
    EXPECT_GT(replays.audit.mu, 0.8 * replays.mu);
    EXPECT_EQ(replays.audit.d.runs, 18'000);
  }
  EXPECT_THROW(replay_mechanism(audited(), {.replays = 99}), UsageError);
  EXPECT_THROW(replay_mechanism(audited(), {.confidence = 0}), UsageError);
}

TEST_F(AuditTest, ReadsNoRecordAndLeavesNoGradientAndNoFile) {
  const AuditedTraining training = audited();
  const Tensor before = net_->parameters()[0].clone();
  replay_neighbours(training, 3);
  EXPECT_TRUE(net_->parameters()[0].equal(before));
  for (const Tensor& parameter : net_->parameters()) EXPECT_FALSE(parameter.grad().defined());
  EXPECT_FALSE(std::filesystem::exists(path()));
  AuditedTraining undeclared = training;
  undeclared.options.inputs = {};
  EXPECT_THROW(replay_neighbours(undeclared, 1), UsageError);
}

}  // namespace
}  // namespace sotto::optim

// The long audits of a run that is right and of runs whose noise is too small; and many preflights, of which none may
// raise an alarm.

#include <gtest/gtest.h>
#include <sotto/optim/canary_audit.h>
#include <sotto/optim/mechanism_replays.h>
#include <sotto/optim/neighbour_replay.h>
#include <sotto/optim/noise_check.h>
#include <sotto/optim/sampler_check.h>

#include <cstdlib>
#include <string>

#include "../optim/private_training_fixture.h"
#include "planted.h"

namespace sotto::optim {
namespace {

constexpr double kSure = 1 - 1e-9;  // of a bound that must not be wrong in any run of the tests

const WeightRule kRules[] = {WeightRule::flat(0.1),
                             WeightRule::psac(0.5),
                             WeightRule::auto_s(2.0),
                             WeightRule::nsgd(0.5),
                             WeightRule::flat_per_group({0.3, 0.4}),
                             WeightRule::adaptive(0.5, {.count_noise = 3})};

class AttacksTest : public ::testing::Test {
 protected:
  AuditedTraining training(const privacy::PrivacyPlanOptions& plan, const WeightRule& rule = WeightRule::psac(0.5),
                           uint64_t seed = 1) {
    torch::manual_seed(seed);
    nn::Sequential net(nn::Linear(4, 8), nn::Tanh(), nn::Linear(8, 3));
    AuditedTraining result{
        .parameters = trainable_parameters(*net),
        .options = {.plan = privacy::PrivacyPlan(plan), .rule = rule, .ledger = folder_.path() / "ledger.jsonl"},
        .losses = losses_of(net)};
    result.options.physical_batch = 64;
    result.options.inputs = {{.sizes = {4}, .low = -1}, {.sizes = {}, .dtype = at::kLong, .vocabulary = 3}};
    if (rule.per_group()) result.groups = module_groups(result.parameters);
    return result;
  }

  // 80 steps at a sampling rate of 0.2, epsilon 3 at delta 1e-5.
  AuditedTraining at_epsilon_three() {
    privacy::PrivacyPlanOptions plan = plan_options();
    plan.steps = 80;
    plan.noise_multiplier.reset();
    plan.epsilon = 3;
    return training(plan);
  }

 private:
  ScratchFolder folder_{ScratchFolder::memory()};
};

TEST_F(AttacksTest, ReplaysOfTheMechanismNoticeHalfTheNoise) {
  const AuditedTraining audited = training(plan_options());
  const MechanismReplaysOptions options = {.replays = 100'000, .confidence = kSure};
  const MechanismReplays right = replay_mechanism(audited, options);
  EXPECT_TRUE(right.holds()) << right.audit.mu;
  EXPECT_GT(right.audit.mu, 0.9 * right.mu);
  const Planted fault("noise_is_halved");
  const MechanismReplays halved = replay_mechanism(audited, options);
  EXPECT_GT(halved.audit.mu, 1.5 * halved.mu);
  std::cout << "mu at least " << right.audit.mu << ", with half the noise " << halved.audit.mu << ", stated "
            << right.mu << "\n";
}

TEST_F(AttacksTest, CanariesTakeTheBoundOverTheClaimWhereAQuarterOfTheNoiseIsThere) {
  const AuditedTraining audited = at_epsilon_three();
  const CanaryAuditOptions options = {.canaries = 2500, .records = 0};
  const CanaryAudit right = audit_with_canaries(audited, {.canaries = 1000, .records = 0, .confidence = kSure});
  EXPECT_TRUE(right.holds()) << right.bound.epsilon;
  const Planted fault("noise_is_a_quarter");
  const CanaryAudit quarter = audit_with_canaries(audited, options);
  EXPECT_FALSE(quarter.holds()) << quarter.bound.epsilon << ", stated " << quarter.epsilon;
  std::cout << "epsilon at least " << right.bound.epsilon << ", with a quarter of the noise " << quarter.bound.epsilon
            << ", stated " << quarter.epsilon << "\n";
}

// SOTTO_PREFLIGHTS of them. Each has about 40 statistics with false alarms of 1e-6 at most.
TEST_F(AttacksTest, SeededPreflightsRaiseNoAlarm) {
  at::set_num_threads(1);  // the models are too small to share
  const char* typed = std::getenv("SOTTO_PREFLIGHTS");
  const int preflights = typed == nullptr ? 100 : std::stoi(typed);
  privacy::PrivacyPlanOptions plan = plan_options();
  plan.steps = 64;
  for (int seed = 0; seed < preflights; ++seed) {
    const AuditedTraining audited =
        training(plan, kRules[static_cast<size_t>(seed) % std::size(kRules)], static_cast<uint64_t>(seed));
    for (const auto& findings : {replay_neighbours(audited, static_cast<uint64_t>(seed)), check_noise(audited, 100'000),
                                 check_sampler(audited)})
      for (const AuditFinding& finding : findings)
        EXPECT_TRUE(finding.holds) << "seed " << seed << ", " << finding.subject << ": " << finding.text;
  }
}

}  // namespace
}  // namespace sotto::optim

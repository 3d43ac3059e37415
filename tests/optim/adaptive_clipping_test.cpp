// The rule adaptive: its sum and its count against autograd on one record after the other, the laws of both noises, and
// the clip norm that follows from what is released. All draws are seeded; statistics are held to 5 standard errors.

#include <sotto/kernels/gaussian_noise.h>
#include <sotto/optim/clipper.h>
#include <sotto/privacy/adaptive_clipping.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "clipped_sum_access.h"
#include "gaussian_mechanism_access.h"
#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(AdaptiveRule, StatesItsParametersAndABoundInUnitsOfTheClipNorm) {
  const WeightRule rule = WeightRule::adaptive(0.25, {.quantile = 0.7, .rate = 0.1, .count_noise = 12});
  EXPECT_EQ(rule.name(), "adaptive");
  const std::vector<std::pair<std::string, double>> parameters = {
      {"clip_norm", 0.25}, {"quantile", 0.7}, {"rate", 0.1}, {"count_noise", 12}};
  EXPECT_EQ(rule.parameters(), parameters);
  EXPECT_EQ(rule.sensitivity(), 1);
  EXPECT_EQ(rule.first_bound(), 0.25);
  EXPECT_FALSE(rule.per_group());
  for (const double norm : {0.0, 0.1, 3.0, 1e9}) EXPECT_EQ(rule.at(3).weight(norm), WeightRule::flat(3).weight(norm));
  EXPECT_EQ(WeightRule::psac(0.5).at(3).weight(0.1), WeightRule::psac(0.5).weight(0.1));
}

TEST(AdaptiveRule, RefusesParametersOutOfRange) {
  const auto refused = [](double first, AdaptiveClipping clipping) {
    EXPECT_THROW(WeightRule::adaptive(first, clipping), UsageError);
  };
  for (const double bad : {0.0, -1.0, kNan, kInfinity}) {
    refused(bad, {.count_noise = 1});
    refused(1, {.count_noise = bad});
    refused(1, {.quantile = bad, .count_noise = 1});
    refused(1, {.rate = bad, .count_noise = 1});
  }
  refused(1, {.quantile = 1, .count_noise = 1});
  refused(1, {.rate = 1.1, .count_noise = 1});
  refused(1, {});
}

TEST(AdaptiveClipNorm, MovesByTheRuleOfThePaperAndStaysInItsRange) {
  const AdaptiveClipping clipping{.quantile = 0.75, .rate = 0.2, .count_noise = 1};
  // 30 of 40 below: 20 more than half of those who take part; nothing moves.
  EXPECT_DOUBLE_EQ(next_clip_norm(clipping, 1, 3, 10, 40), 3);
  EXPECT_DOUBLE_EQ(next_clip_norm(clipping, 1, 3, 20, 40), 3 * std::exp(-0.2 * 0.25));
  EXPECT_DOUBLE_EQ(next_clip_norm(clipping, 1, 3, -20, 40), 3 * std::exp(0.2 * 0.75));
  EXPECT_EQ(next_clip_norm(clipping, 5, 5, -1e9, 40), 5 * kClipNormRange);
  EXPECT_EQ(next_clip_norm(clipping, 5, 5, 1e9, 40), 5 / kClipNormRange);
  for (const double count : {-30.0, 0.0, 0.5, 17.3})
    EXPECT_NEAR(count_that_moved(clipping, 1, 3, next_clip_norm(clipping, 1, 3, count, 40), 40), count, 1e-11);
  EXPECT_TRUE(std::isnan(count_that_moved(clipping, 1, 3, kClipNormRange, 40)));
}

struct Counted {
  std::vector<Tensor> sums;
  double count = 0;
};

// By autograd on one record after the other.
Counted one_by_one(const nn::Sequential& net, const std::vector<Tensor>& batch, const Losses& losses,
                   double clip_norm) {
  Counted result;
  for (const Tensor& parameter : net->parameters()) result.sums.push_back(torch::zeros_like(parameter.detach()));
  for (int64_t i = 0; i < batch[0].size(0); ++i) {
    const Tensor loss = losses({batch[0].narrow(0, i, 1), batch[1].narrow(0, i, 1)}).sum();
    const std::vector<Tensor> gradient = torch::autograd::grad({loss}, net->parameters());
    const double norm = flat(gradient).norm().item<double>();
    for (size_t p = 0; p < gradient.size(); ++p) result.sums[p] += gradient[p] * std::min(1.0, clip_norm / norm);
    result.count += norm <= clip_norm ? 0.5 : -0.5;
  }
  return result;
}

TEST_F(PrivateTrainingTest, SumAndCountOfTheRuleAdaptiveAreThoseOfOneRecordAfterTheOther) {
  const nn::Sequential net = network(torch::kDouble);
  const std::vector<Tensor> batch = data(50, torch::kDouble);
  for (const Fallback fallback : {Fallback::none, Fallback::per_record}) {
    TapeOptions tape;
    tape.fallback = fallback;
    Clipper clipper(trainable_parameters(*net), {}, WeightRule::adaptive(1, {.count_noise = 3}), {}, tape);
    for (const double clip_norm : {1e-3, 0.7, 1.0, 1.4, 100.0}) {
      const Counted expected = one_by_one(net, batch, losses_of(net), clip_norm);
      clipper.set_clip_norm(clip_norm);
      clipper.add({batch[0].narrow(0, 0, 20), batch[1].narrow(0, 0, 20)}, losses_of(net), {});
      std::vector<bool> active(30, true);
      active[7] = false;
      clipper.add({batch[0].narrow(0, 20, 30), batch[1].narrow(0, 20, 30)}, losses_of(net), active);
      // The record that is left out.
      clipper.add({batch[0].narrow(0, 27, 1).expand({2, 4}), batch[1].narrow(0, 27, 1).expand({2})}, losses_of(net),
                  {false, true});
      const ClippedSum sum = clipper.take();
      EXPECT_EQ(ClippedSumTestAccess::count(sum).value(), expected.count) << clip_norm;
      EXPECT_EQ(ClippedSumTestAccess::unit(sum), clip_norm);
      EXPECT_EQ(sum.sensitivity(), 1);
      const Tensor difference = flat(ClippedSumTestAccess::values(sum)) - flat(expected.sums);
      EXPECT_LT(difference.norm().item<double>(), 1e-5 * clip_norm * 50);
    }
  }
}

TEST_F(PrivateTrainingTest, RecordThatIsNotANumberIsNotCounted) {
  const nn::Sequential net = network();
  std::vector<Tensor> batch = data(3);
  batch[0] = batch[0].clone();
  batch[0][1].fill_(kNan);
  Clipper clipper(trainable_parameters(*net), {}, WeightRule::adaptive(1e6, {.count_noise = 3}));
  clipper.add(batch, losses_of(net), {});
  EXPECT_EQ(ClippedSumTestAccess::count(clipper.take()).value(), 1);
  EXPECT_EQ(ClippedSumTestAccess::count(clipper.take()).value(), 0);  // of an empty batch
  clipper.add(batch, losses_of(net), {});
  clipper.discard();
  EXPECT_EQ(ClippedSumTestAccess::count(clipper.take()).value(), 0);
}

// chi squared of n draws has mean n and deviation sqrt(2 n).
double deviations_from_one(double squares, double count) {
  return (squares - count) / std::sqrt(2 * count);
}

TEST_F(PrivateTrainingTest, NoiseOfSumAndCountHaveTheLawsThatAreStated) {
  constexpr double kZ = 1.2, kCountNoise = 1.5, kClipNorm = 0.3;
  constexpr int64_t kSteps = 4000, kWidth = 25, kDivisor = 48;
  privacy::SecretKey key = privacy::SecretKey::insecure_for_tests(4);
  privacy::LedgerHeader header;
  header.adjacency = privacy::Adjacency::add_remove;
  header.dataset_size = 4800;
  header.delta = 1e-5;
  header.event = {0.01, {kZ}};
  header.sensitivity = 1;
  header.steps = kSteps;
  header.weight_rule = "adaptive";
  header.accountant_name = "certified";
  header.accountant_version = "1";
  header.keys_are_secret = false;
  privacy::Ledger ledger = privacy::Ledger::create(
      path(), header, {key.commitment(), privacy::SecretKey::insecure_for_tests(5).commitment(), false});
  GaussianMechanism mechanism = GaussianMechanismTestAccess::make({0.01, {kZ}}, kDivisor, std::move(key), kCountNoise);
  const double of_sum = privacy::gradient_noise_beside_count(kZ, kCountNoise) * kClipNorm / kDivisor;
  double squares = 0, of_count = 0, first = 0, fourth = 0, together = 0, steps = 0, last = 0;
  for (int64_t s = 0; s < kSteps; ++s) {
    const PrivateGradient released = mechanism.release(
        ClippedSumTestAccess::counted({torch::zeros({kWidth}, torch::kDouble)}, kClipNorm, 17.5), ledger);
    const Tensor noise = released.values()[0] / of_sum;
    const double count = (released.count().value() - 17.5) / kCountNoise;
    squares += noise.pow(2).sum().item<double>();
    of_count += count * count;
    fourth += std::pow(count, 4);
    first += count;
    together += count * noise[0].item<double>();
    if (s > 0) steps += count * last;
    last = count;
  }
  const auto n = static_cast<double>(kSteps);
  EXPECT_LT(std::abs(deviations_from_one(squares, n * kWidth)), 5);
  EXPECT_LT(std::abs(deviations_from_one(of_count, n)), 5);
  EXPECT_LT(std::abs(first) / std::sqrt(n), 5);
  EXPECT_LT(std::abs(fourth - 3 * n) / std::sqrt(96 * n), 5);  // the variance of the fourth power is 105 - 9
  EXPECT_LT(std::abs(together) / std::sqrt(n), 5);
  EXPECT_LT(std::abs(steps) / std::sqrt(n), 5);
  const privacy::Phases spent = privacy::read_ledger(path()).spent;
  ASSERT_EQ(spent.size(), 1u);
  EXPECT_EQ(spent[0].event.mechanism.noise_multiplier, kZ);
  EXPECT_EQ(spent[0].count, kSteps);
}

// Gradients of known norms, hardly any noise.
TEST_F(PrivateTrainingTest, ClipNormConvergesToTheQuantileOfTheNorms) {
  std::mt19937_64 random(6);
  std::lognormal_distribution<double> law(1, 1);
  constexpr int64_t kNorms = 400;
  std::vector<double> norms;
  for (int64_t i = 0; i < kNorms; ++i) norms.push_back(law(random));
  const Tensor records = torch::zeros({kNorms, 2}, torch::kDouble);
  for (int64_t i = 0; i < kNorms; ++i) records[i][i % 2] = norms[static_cast<size_t>(i)];
  const Tensor weight = torch::zeros({1, 2}, torch::kDouble).requires_grad_();
  const Losses losses = [&](const std::vector<Tensor>& x) { return torch::linear(x[0], weight).sum(1); };
  std::ranges::sort(norms);
  std::normal_distribution<double> noise(0, 0.01);
  for (const double quantile : {0.1, 0.5, 0.9}) {
    const AdaptiveClipping clipping{.quantile = quantile, .count_noise = 0.01};
    Clipper clipper({{"weight", weight}}, {}, WeightRule::adaptive(1000, clipping));
    for (int step = 0; step < 400; ++step) {
      clipper.add({records}, losses, {});
      const double count = ClippedSumTestAccess::count(clipper.take()).value() + noise(random);
      clipper.set_clip_norm(next_clip_norm(clipping, 1000, clipper.clip_norm(), count, kNorms));
    }
    const auto place = static_cast<size_t>(quantile * kNorms);
    EXPECT_GT(clipper.clip_norm(), norms[place - 5]) << quantile;
    EXPECT_LT(clipper.clip_norm(), norms[place + 5]) << quantile;
  }
}

class AdaptiveTrainingTest : public PrivateTrainingTest {
 protected:
  static Overrides adaptive(double first = 0.5, AdaptiveClipping clipping = {.count_noise = 3}) {
    Overrides overrides;
    overrides.rule = WeightRule::adaptive(first, clipping);
    return overrides;
  }
  PrivateTraining training(const Overrides& overrides, const std::string& name = "ledger.jsonl",
                           int64_t records = kRecords) {
    return PrivateTraining(*net_, sgd_, tensor_records(data(records)), options(overrides, name));
  }

  nn::Sequential net_ = network();
  torch::optim::SGD sgd_{net_->parameters(), torch::optim::SGDOptions(0)};
};

// With the planned noise, of a batch of all records: the share below ends near the quantile.
TEST_F(AdaptiveTrainingTest, ClipNormComesNearTheQuantileUnderThePlannedNoise) {
  Overrides overrides = adaptive(50, {.quantile = 0.3, .count_noise = 10});
  overrides.plan.expected_batch_size = kRecords;
  overrides.plan.steps = 120;
  overrides.plan.noise_multiplier = 4;
  PrivateTraining of = training(overrides);
  while (!of.finished()) of.step(losses_of(net_));
  const Counted found = one_by_one(net_, data(), losses_of(net_), of.clip_norm());
  EXPECT_NEAR(0.5 + found.count / kRecords, 0.3, 0.1);
}

TEST_F(AdaptiveTrainingTest, ClipNormFollowsFromWhatIsReleasedAndFromNothingElse) {
  for (const bool stored : {false, true}) {
    PrivateTraining of = training(adaptive(), stored ? "stored" : "fused");
    EXPECT_EQ(of.clip_norm(), 0.5);
    EXPECT_FALSE(of.released_count());
    while (!of.finished()) {
      const double before = of.clip_norm();
      stored ? of.compute_gradient(losses_of(net_)) : of.step(losses_of(net_));
      const double below = 0.5 + of.released_count().value() / 40;
      EXPECT_DOUBLE_EQ(of.clip_norm(), before * std::exp(-0.2 * (below - 0.5)));
    }
  }
}

// The sample, its size and the count have no part in how much is drawn: with the same coins the noise is the same.
TEST_F(AdaptiveTrainingTest, EmptyBatchDrawsTheSameNoiseAndMovesTheClipNormInTheSameWay) {
  PrivateTraining full = training(adaptive(), "full"), empty = training(adaptive(), "empty", 0);
  while (!full.finished()) {
    full.compute_gradient(losses_of(net_));
    const double before = empty.clip_norm();
    empty.compute_gradient(losses_of(net_));
    const double bits = 2 * (full.released_count().value() - empty.released_count().value());
    EXPECT_NEAR(bits, std::round(bits), 1e-9);
    EXPECT_NE(empty.clip_norm(), before);
    EXPECT_GT(std::abs(empty.released_count().value()), 0);
  }
  EXPECT_EQ(empty.steps_charged(), full.steps_charged());
}

TEST_F(AdaptiveTrainingTest, LedgerStatesTheRuleAndTheJointNoise) {
  PrivateTraining of = training(adaptive(0.25, {.quantile = 0.7, .rate = 0.1, .count_noise = 3}));
  of.step(losses_of(net_));
  const privacy::LedgerContents ledger = privacy::read_ledger(path());
  EXPECT_EQ(ledger.header.weight_rule, "adaptive");
  const std::map<std::string, double> parameters = {
      {"clip_norm", 0.25}, {"quantile", 0.7}, {"rate", 0.1}, {"count_noise", 3}};
  EXPECT_EQ(ledger.header.weight_rule_parameters, parameters);
  EXPECT_EQ(ledger.header.sensitivity, 1);
  ASSERT_EQ(ledger.spent.size(), 1u);
  EXPECT_EQ(ledger.spent[0].event.mechanism.noise_multiplier, 1.0);
  EXPECT_EQ(ledger.spent[0].count, 1);
  EXPECT_EQ(of.epsilon(), of.plan().epsilon_of(ledger.spent));
}

TEST_F(AdaptiveTrainingTest, ResumeGoesOnWithTheClipNormOfTheCheckpoint) {
  double reached = 0;
  {
    PrivateTraining of = training(adaptive());
    for (int step = 0; step < 3; ++step) of.step(losses_of(net_));
    reached = of.clip_norm();
  }
  ASSERT_NE(reached, 0.5);
  Overrides overrides = adaptive();
  overrides.resume = true;
  overrides.seed = 8;
  const auto resumed = [&](std::optional<double> clip_norm) {
    PrivateTrainingOptions given = options(overrides);
    given.clip_norm = clip_norm;
    return PrivateTraining(*net_, sgd_, tensor_records(data()), given);
  };
  for (const std::optional<double>& bad :
       std::vector<std::optional<double>>{std::nullopt, 0.0, -1.0, kNan, kInfinity, 0.5 * 2 * kClipNormRange})
    EXPECT_THROW(resumed(bad), UsageError);
  EXPECT_EQ(privacy::read_ledger(path()).incarnations.size(), 1u) << "a run that was refused left a trace";
  PrivateTraining of = resumed(reached);
  EXPECT_EQ(of.clip_norm(), reached);
  of.step(losses_of(net_));
  EXPECT_DOUBLE_EQ(of.clip_norm(), reached * std::exp(-0.2 * (of.released_count().value() / 40)));
}

TEST_F(AdaptiveTrainingTest, ClipNormIsGivenToARunThatGoesOnAlone) {
  PrivateTrainingOptions given = options(adaptive());
  given.clip_norm = 0.5;
  EXPECT_THROW(PrivateTraining(*net_, sgd_, tensor_records(data()), given), UsageError);
  given = options({});
  given.clip_norm = 0.5;
  EXPECT_THROW(PrivateTraining(*net_, sgd_, tensor_records(data()), given), UsageError);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(AdaptiveTrainingTest, RefusesWhatDoesNotGoTogether) {
  Overrides overrides = adaptive(0.5, {.count_noise = 0.5});
  EXPECT_TRUE(contains(refusal([&] { training(overrides); }), "count_noise"));
  overrides = adaptive();
  overrides.plan.noise = privacy::Noise::discrete;
  EXPECT_TRUE(contains(refusal([&] { training(overrides); }), "normal noise only"));
  overrides = adaptive(1e-16);  // within the numbers of the noise at first, and not where the rule may lead
  EXPECT_TRUE(contains(refusal([&] { training(overrides); }), "clip norm"));
}

TEST_F(AdaptiveTrainingTest, MeanOfVectorsIsAStepThatLeavesTheClipNormAlone) {
  Overrides overrides = adaptive();
  overrides.plan.expected_batch_size = kRecords;
  overrides.probe = false;
  const Tensor vectors = torch::ones({kRecords, 4}) * 1.5;  // of length 3
  PrivateTraining of(*net_, sgd_, tensor_records({vectors, data()[1]}), options(overrides));
  of.step(losses_of(net_));
  const double before = of.clip_norm();
  const Tensor mean = of.mean([](const std::vector<Tensor>& inputs) { return inputs[0]; }, 4, 3);
  EXPECT_EQ(of.clip_norm(), before);
  EXPECT_EQ(of.steps_charged(), 2);
  // z_u C / B over the weight C / 3 is 3 z_u / B.
  EXPECT_LT((mean - 1.5).abs().max().item<double>(), 5 * 3 * 1.02 / kRecords);
  EXPECT_GT((mean - 1.5).abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace sotto::optim

#include <gtest/gtest.h>
#include <sotto/optim/corrected_adam.h>

#include <cmath>
#include <limits>

#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

using torch::optim::AdamWOptions;

Tensor parameter() {
  torch::manual_seed(1);
  return torch::randn({4, 3}, torch::kDouble).requires_grad_(true);
}

Tensor gradient(int64_t step) {
  torch::manual_seed(100 + step);
  return torch::randn({4, 3}, torch::kDouble);
}

// Without noise it is AdamW without eps.
TEST(CorrectedAdam, WithoutNoiseIsAdamW) {
  const Tensor a = parameter(), b = parameter();
  const AdamWOptions options = AdamWOptions(0.01).eps(0).weight_decay(0.1).betas({0.8, 0.95});
  CorrectedAdam ours({a}, 0, options);
  torch::optim::AdamW theirs({b}, options);
  for (int64_t step = 0; step < 20; ++step) {
    a.mutable_grad() = gradient(step);
    b.mutable_grad() = gradient(step);
    ours.step();
    theirs.step();
    ASSERT_TRUE(a.allclose(b, 1e-12, 1e-12)) << step;
  }
}

TEST(CorrectedAdam, WhatNeverHadAGradientStays) {
  const Tensor a = parameter(), before = a.detach().clone();
  CorrectedAdam adam({a}, 0, AdamWOptions(0.01).weight_decay(0));
  a.mutable_grad() = torch::zeros_like(a);
  adam.step();
  EXPECT_TRUE(a.equal(before));
}

// The formula, one coordinate at a time.
TEST(CorrectedAdam, SubtractsTheVarianceOfTheNoiseAndKeepsTheFloor) {
  constexpr double kLr = 0.01, kBeta1 = 0.9, kBeta2 = 0.99, kStddev = 0.8, kDecay = 0.1;
  for (const double given_floor : {0.0, 0.3}) {
    const double floor = given_floor > 0 ? given_floor : kStddev * kStddev * std::sqrt(2 * (1 - kBeta2) / (1 + kBeta2));
    const Tensor a = parameter();
    CorrectedAdam adam({a}, kStddev, AdamWOptions(kLr).betas({kBeta1, kBeta2}).weight_decay(kDecay), given_floor);
    const Tensor start = parameter().detach().flatten();
    std::vector<double> x(start.const_data_ptr<double>(), start.const_data_ptr<double>() + 12), m(12), v(12);
    bool floored = false, above = false;
    for (int64_t step = 0; step < 30; ++step) {
      a.mutable_grad() = gradient(step);
      adam.step();
      const Tensor g = gradient(step).flatten();
      for (size_t i = 0; i < 12; ++i) {
        const double gi = g[static_cast<int64_t>(i)].item<double>();
        m[i] = kBeta1 * m[i] + (1 - kBeta1) * gi;
        v[i] = kBeta2 * v[i] + (1 - kBeta2) * gi * gi;
        const double mean = m[i] / (1 - std::pow(kBeta1, step + 1));
        const double left = v[i] / (1 - std::pow(kBeta2, step + 1)) - kStddev * kStddev;
        (left > floor ? above : floored) = true;
        x[i] = x[i] * (1 - kLr * kDecay) - kLr * mean / std::sqrt(std::max(left, floor));
        ASSERT_NEAR(a.flatten()[static_cast<int64_t>(i)].item<double>(), x[i], 1e-12) << step << ' ' << i;
      }
    }
    EXPECT_TRUE(floored && above) << "one side of the floor was never tried";
  }
}

TEST(CorrectedAdam, RefusesWhatIsOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {-1.0, nan, infinity}) {
    EXPECT_THROW(CorrectedAdam({parameter()}, bad), UsageError);
    EXPECT_THROW(CorrectedAdam({parameter()}, 1, {}, bad), UsageError);
  }
  EXPECT_THROW(CorrectedAdam({parameter()}, 1, AdamWOptions().amsgrad(true)), UsageError);
}

using CorrectedAdamTraining = PrivateTrainingTest;

// Its own step, and not that of AdamW fused with the release, is what private training takes.
TEST_F(CorrectedAdamTraining, IsTheStepOfPrivateTraining) {
  const auto weights = [&](bool corrected, const std::string& name) {
    auto net = network();
    std::unique_ptr<torch::optim::AdamW> optimizer;
    if (corrected)
      optimizer = std::make_unique<CorrectedAdam>(net->parameters(), 1.0 * 0.5 / 40, AdamWOptions(0.01));
    else
      optimizer = std::make_unique<torch::optim::AdamW>(net->parameters(), AdamWOptions(0.01));
    PrivateTraining training(*net, *optimizer, tensor_records(data()), options({}, name));
    while (!training.finished()) training.step(losses_of(net));
    EXPECT_EQ(training.steps_charged(), 6);
    return flat(values(net));
  };
  EXPECT_FALSE(weights(true, "corrected").allclose(weights(false, "plain"), 1e-3, 1e-4));
}

}  // namespace
}  // namespace sotto::optim

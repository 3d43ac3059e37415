// The Gram form of a squared norm cancels: with nearly constant activations and output gradients that sum to zero over
// the positions, float arithmetic leaves nothing of it, and a weight taken from it emits several times the clip norm.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sotto/optim/clipper.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "clipped_sum_access.h"

namespace sotto::optim {
namespace {

using at::Tensor;

constexpr int64_t kRecords = 4;
constexpr int64_t kPositions = 128;
constexpr int64_t kWidth = 384;
constexpr double kClipNorm = 1e-3;  // a quarter of the true norms

// losses_i = sum over positions of <slope, W x>, so that the output gradient is `slope`.
struct Cancelling {
  Tensor weight = at::randn({kWidth, kWidth}).requires_grad_();
  Tensor activation = 0.3 * at::ones({kRecords, kPositions, kWidth}) + 1e-6 * at::randn({kRecords, kPositions, kWidth});
  Tensor slope = at::randn({kRecords, kPositions, kWidth});

  Cancelling() {
    slope = slope - slope.mean(1, true);
    slope = slope - slope.mean(1, true);
  }
  std::vector<NamedParameter> parameters() const { return {{"weight", weight}}; }
  std::vector<Tensor> inputs() const { return {activation, slope}; }
  static Tensor losses(const Tensor& parameter, const std::vector<Tensor>& x) {
    return (at::linear(x[0], parameter) * x[1]).sum({1, 2});
  }
  double norm_in_float(int64_t record) const {
    const Tensor& a = activation[record];
    const Tensor& b = slope[record];
    return std::sqrt(std::max(0.0f, (a.mm(a.t()) * b.mm(b.t())).sum().item<float>()));
  }
  double true_norm(int64_t record) const {
    return slope[record].t().to(at::kDouble).mm(activation[record].to(at::kDouble)).norm().item<double>();
  }
};

class Gram : public ::testing::Test {
 protected:
  Gram() { at::manual_seed(5); }
};

TEST_F(Gram, NormBoundHoldsWhereFloatCancels) {
  const Cancelling model;
  Tape tape(model.parameters(), {}, {}, {.force_strategy = Strategy::gram});
  const PerRecordGradients gradients =
      tape.run(model.inputs(), [&](const auto& x) { return Cancelling::losses(model.weight, x); });
  EXPECT_EQ(gradients.describe().at(0), "weight aten::linear gram");
  for (int64_t i = 0; i < kRecords; ++i) {
    const double truth = model.true_norm(i);
    // Otherwise the case does not cancel in float and proves nothing: a weight from that norm would let the whole
    // gradient through.
    EXPECT_LT(model.norm_in_float(i), truth / 4.0);
    EXPECT_GT(truth, 4.0 * kClipNorm);
    EXPECT_GE(gradients.norm_bound(0, i), truth);
    EXPECT_NEAR(gradients.squared_norms(0).computed[i].item<double>(), truth * truth, 1e-3 * truth * truth);
  }
}

TEST_F(Gram, ContributionStaysWithinTheClipNorm) {
  for (const Strategy strategy : {Strategy::gram, Strategy::keep, Strategy::drop, Strategy::automatic}) {
    const Cancelling model;
    for (int64_t i = 0; i < kRecords; ++i) {
      Clipper clipper(model.parameters(), {}, WeightRule::flat(kClipNorm), {}, {.force_strategy = strategy});
      std::vector<bool> active(kRecords, false);
      active[static_cast<size_t>(i)] = true;
      clipper.add(
          model.inputs(), [&](const auto& x) { return Cancelling::losses(model.weight, x); }, active);
      const double contribution = ClippedSumTestAccess::values(clipper.take())[0].to(at::kDouble).norm().item<double>();
      EXPECT_LE(contribution, kClipNorm * (1.0 + 1e-6)) << to_string(strategy);
      EXPECT_GT(contribution, 0.0) << to_string(strategy);
    }
  }
}

TEST_F(Gram, KeptNormIsAccurateWhereFloatCancels) {
  const Cancelling model;
  Tape tape(model.parameters(), {}, {}, {.force_strategy = Strategy::keep});
  const PerRecordGradients gradients =
      tape.run(model.inputs(), [&](const auto& x) { return Cancelling::losses(model.weight, x); });
  for (int64_t i = 0; i < kRecords; ++i) EXPECT_NEAR(gradients.norm_bound(0, i) / model.true_norm(i), 1.0, 0.02);
}

// A bound that is far too large would be safe, and of no use.
TEST_F(Gram, BoundIsTightWhereNothingCancels) {
  Cancelling model;
  model.activation = at::randn({kRecords, kPositions, kWidth});
  Tape tape(model.parameters(), {}, {}, {.force_strategy = Strategy::gram});
  const PerRecordGradients gradients =
      tape.run(model.inputs(), [&](const auto& x) { return Cancelling::losses(model.weight, x); });
  for (int64_t i = 0; i < kRecords; ++i) {
    EXPECT_GE(gradients.norm_bound(0, i) / model.true_norm(i), 1.0);
    EXPECT_NEAR(gradients.norm_bound(0, i) / model.true_norm(i), 1.0, 0.01);
  }
}

TEST_F(Gram, ContributionStaysWithinTheClipNormWhereFloatsVanish) {
  for (const auto& [small, large] : {std::pair{2.6e-23, 5e17}, std::pair{5e17, 2.6e-23}, std::pair{1e-30, 2.5e38}}) {
    for (const int64_t positions : {1, 16}) {
      for (const Strategy strategy : {Strategy::gram, Strategy::keep, Strategy::drop, Strategy::automatic}) {
        const Tensor weight = at::zeros({96, 128}).requires_grad_();
        Clipper clipper({{"weight", weight}}, {}, WeightRule::flat(kClipNorm), {}, {.force_strategy = strategy});
        const Tensor x = at::full({2, positions, 128}, large);
        clipper.add({x},
                    [&, slope = small](const auto& in) {
                      return (at::linear(in[0], weight) * slope).sum({1, 2});
                    },
                    {true, false});
        const double contribution =
            ClippedSumTestAccess::values(clipper.take())[0].to(at::kDouble).norm().item<double>();
        EXPECT_LE(contribution, kClipNorm * (1.0 + 1e-6)) << to_string(strategy) << " " << small << " " << positions;
      }
    }
  }
}

// One token at every position: a large gradient and its opposite around small ones, each of which rounds up where
// floats are two apart. The sum of floats is half as large again as the norm in double.
TEST_F(Gram, EmbeddingsThatCancelStayWithinTheClipNorm) {
  constexpr int64_t kColumns = 16;
  constexpr double kLarge = 1 << 24;
  const Tensor table = at::randn({5, kColumns}).requires_grad_();
  const Tensor tokens = at::zeros({kRecords, kPositions}, at::kLong);
  const Tensor slope = at::full({kRecords, kPositions, kColumns}, 1.1);
  slope.select(1, 0).fill_(kLarge);
  slope.select(1, kPositions - 1).fill_(-kLarge);
  const double truth = slope[0].to(at::kDouble).sum(0).norm().item<double>();
  const double clip_norm = 1.2 * std::exp2(-30) * truth;  // a weight of 1.2 2^-30: its products lie low in their binade
  Clipper clipper({{"table", table}}, {}, WeightRule::flat(clip_norm));
  clipper.add({tokens, slope},
              [&](const std::vector<Tensor>& x) {
                return (at::embedding(table, x[0]) * x[1]).sum({1, 2});
              },
              {true, false, false, false});
  const double contribution = ClippedSumTestAccess::values(clipper.take())[0].to(at::kDouble).norm().item<double>();
  EXPECT_LE(contribution, clip_norm);
  EXPECT_GT(contribution, 0.0);
}

// A weight near the smallest float, divided by the length of a bag, rounds up to one of twice its size; the gradient is
// so large that this is what would be released.
TEST_F(Gram, BagsOfLargeGradientsStayWithinTheClipNorm) {
  constexpr int64_t kLength = 1024;
  constexpr float kHuge = 1.19e38f;
  const Tensor table = at::randn({3, 1}).requires_grad_();
  const Tensor tokens = at::zeros({2, kLength}, at::kLong);
  const Tensor slope = at::full({2, 1}, kHuge);
  Clipper clipper({{"table", table}}, {}, WeightRule::flat(1e-4));
  clipper.add(
      {tokens, slope},
      [&](const std::vector<Tensor>& x) {
        const Tensor offsets = at::arange(0, 2 * kLength, kLength);
        return (std::get<0>(at::embedding_bag(table, x[0].reshape({-1}), offsets, false, /*mode=*/1)) * x[1]).sum(1);
      },
      {true, false});
  const double contribution = ClippedSumTestAccess::values(clipper.take())[0].to(at::kDouble).norm().item<double>();
  EXPECT_LE(contribution, 1e-4);
  EXPECT_GT(contribution, 0.0);
}

// The square root has no derivative at zero; nothing flows back through it, so nothing may be made of that.
TEST_F(Gram, FunctionsThatNoGradientReachesArePassedBy) {
  Tensor weight = at::rand({3, 4}) + 0.5;
  weight[0][0] = 0.0;
  weight.requires_grad_();
  const Tensor x = at::randn({kRecords, 4});
  Tape tape({{"weight", weight}}, {});
  const PerRecordGradients gradients = tape.run({x}, [&](const std::vector<Tensor>& in) {
    const Tensor seen = at::linear(in[0], weight.sqrt()).detach();
    return (at::linear(in[0], 2 * weight) + seen).sum(1);
  });
  // Each of the three rows of the gradient is 2 x.
  for (int64_t i = 0; i < kRecords; ++i) {
    EXPECT_NEAR(gradients.squared_norms(0).computed[i].item<double>(),
                12.0 * x[i].to(at::kDouble).pow(2).sum().item<double>(), 1e-4);
  }
}

}  // namespace
}  // namespace sotto::optim

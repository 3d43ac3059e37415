// The sum of clipped per-record gradients: how much one record can change it, what is left out, and that it does not
// depend on how it is computed.

#include <sotto/privacy/error.h>

#include <cmath>
#include <limits>
#include <random>

#include "clipper_models.h"

namespace sotto::optim {
namespace {

TEST_F(ClipperTest, OneRecordChangesTheSumByAtMostTheSensitivity) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> decade(-3.0, 3.0);
  for (const auto& [dtype, rounding] : {std::pair{at::kDouble, 1e-9}, std::pair{at::kFloat, 1e-4}}) {
    for (const Model& model : zoo(dtype)) {
      {
        Tensors inputs = model.draw(6);
        if (inputs[0].is_floating_point()) {
          for (int64_t i = 0; i < 6; ++i) inputs[0][i].mul_(std::pow(10.0, decade(random)));
        }
        for (const WeightRule& rule : rules(std::pow(10.0, decade(random)))) {
          const Tensors all = sum_of(model, rule, inputs);
          for (const int64_t out : {0, 4}) {
            std::vector<int64_t> others;
            for (int64_t i = 0; i < 6; ++i) {
              if (i != out) others.push_back(i);
            }
            // Removed: every later record moves to another place.
            EXPECT_LE(distance(all, sum_of(model, rule, rows(inputs, others))), rule.sensitivity() * (1.0 + rounding));
            // Replaced.
            Tensors replaced;
            const Tensors other = model.draw(6);
            for (size_t t = 0; t < inputs.size(); ++t) {
              replaced.push_back(inputs[t].clone());
              replaced[t][out].copy_(other[t][out]);
            }
            EXPECT_LE(distance(all, sum_of(model, rule, replaced)), 2.0 * rule.sensitivity() * (1.0 + rounding));
          }
        }
      }
    }
  }
}

TEST_F(ClipperTest, PerGroupSensitivityIsTheRootOfTheSquares) {
  const Model model = zoo(at::kDouble)[0];
  const WeightRule rule = WeightRule::flat_per_group({0.01, 0.03});
  const Tensors inputs = model.draw(3);
  const auto sum = [&](std::vector<bool> active) {
    Clipper clipper(model.parameters, {}, rule, {0, 0, 1});
    clipper.add(inputs, model.losses, active);
    return clipper.take();
  };
  const ClippedSum one = sum({true, false, false});
  EXPECT_NEAR(one.sensitivity(), std::sqrt(0.01 * 0.01 + 0.03 * 0.03), 1e-12);
  const Tensors& values = ClippedSumTestAccess::values(one);
  EXPECT_LE(norm({values[0], values[1]}), 0.01 * (1 + 1e-9));
  EXPECT_GT(norm({values[0], values[1]}), 0.00999);
  EXPECT_LE(norm({values[2]}), 0.03 * (1 + 1e-9));
  EXPECT_GT(norm({values[2]}), 0.02999);
  EXPECT_LE(norm(values), one.sensitivity() * (1 + 1e-9));
}

// A rule's C reaches both the clipping and the noise; a default of 1 somewhere in between would show here.
TEST_F(ClipperTest, SumCarriesTheBoundThatItsRecordsMeet) {
  const Model model = identity(20);
  for (double clip_norm : {1e-3, 0.37, 40.0}) {
    for (const WeightRule& rule : rules(clip_norm)) {
      Clipper clipper(model.parameters, {}, rule);
      clipper.add({1e6 * model.draw(2)[0]}, model.losses, {true, false});
      const ClippedSum sum = clipper.take();
      EXPECT_EQ(sum.sensitivity(), clip_norm);
      EXPECT_NEAR(norm(ClippedSumTestAccess::values(sum)) / clip_norm, 1.0, 1e-5) << rule.name();
    }
  }
}

TEST_F(ClipperTest, OppositeRecordsReachTwiceTheClipNorm) {
  const Model model = identity(20);
  Tensors inputs = model.draw(2);
  inputs[0] *= 1e4 / inputs[0][0].norm();
  Tensors opposite = {inputs[0].clone()};
  opposite[0][0].neg_();
  const WeightRule rule = WeightRule::psac(0.5, 0.1);
  const double change = distance(sum_of(model, rule, inputs), sum_of(model, rule, opposite));
  EXPECT_LE(change, 2 * 0.5 * (1 + 1e-12));
  EXPECT_GT(change, 1.9999 * 0.5);
}

// Norms 3 and 4 in two tensors: together 5. Clipping tensor by tensor would leave (1, 1).
TEST_F(ClipperTest, NormIsOverAllParametersTogether) {
  const Model model = make(
      leaves({at::zeros({1, 1}), at::zeros({1, 1})}, at::kDouble), [](int64_t) { return Tensors{}; },
      [](const Tensors& p, const Tensors& x) {
        return (at::linear(3 * x[0], p[0]) + at::linear(4 * x[0], p[1])).sum(1);
      });
  const Tensors sum = sum_of(model, WeightRule::flat(1.0), {at::ones({2, 1}, at::kDouble)}, {true, false});
  EXPECT_NEAR(sum[0].item<double>(), 0.6, 1e-6);
  EXPECT_NEAR(sum[1].item<double>(), 0.8, 1e-6);
}

TEST_F(ClipperTest, ContributionIsParallelToTheGradient) {
  for (const Model& model : zoo(at::kDouble)) {
    const Tensors inputs = model.draw(3);
    // At a clip norm that no gradient reaches the flat rule leaves the gradient as it is.
    const Tensor gradient = flat(sum_of(model, WeightRule::flat(1e9), inputs, {false, true, false}));
    for (const WeightRule& rule : rules(0.2)) {
      const Tensor contribution = flat(sum_of(model, rule, inputs, {false, true, false}));
      const double cosine = (contribution.dot(gradient) / (contribution.norm() * gradient.norm())).item<double>();
      EXPECT_NEAR(cosine, 1.0, 1e-12) << rule.name();
    }
  }
}

// Two uses whose gradients are each a million times their sum: norm and sum must come from the same rows.
TEST_F(ClipperTest, UsesThatCancelKeepTheContributionWithinTheClipNorm) {
  constexpr double kClipNorm = 1e-3;
  for (const bool through_expression : {false, true}) {
    const Model model = make(
        leaves({at::randn({40, 30})}, at::kFloat),
        [](int64_t n) {
          return Tensors{at::randn({n, 3, 30})};
        },
        [through_expression](const Tensors& p, const Tensors& x) {
          const Tensor second = through_expression ? p[0] * 1.0 : p[0];
          return per_record(at::linear(x[0] * 1e6, p[0])) - per_record(at::linear(x[0] * 1e6 + 0.1, second));
        });
    const Tensors inputs = model.draw(4);
    for (size_t i = 0; i < 4; ++i) {
      std::vector<bool> active(4, false);
      active[i] = true;
      const Tensor contribution = flat(sum_of(model, WeightRule::flat(kClipNorm), inputs, active));
      EXPECT_LE(contribution.norm().item<double>(), kClipNorm * (1 + 1e-6)) << through_expression;
    }
  }
}

// Norms first and one weighted pass afterwards give what weighting materialised gradients one by one gives.
TEST_F(ClipperTest, SumEqualsTheSumOfWeightedGradients) {
  for (const Model& model : zoo(at::kDouble)) {
    const Tensors inputs = model.draw(5);
    for (const WeightRule& rule : rules(0.7)) {
      Tensor expected;
      for (size_t i = 0; i < 5; ++i) {
        std::vector<bool> active(5, false);
        active[i] = true;
        const Tensor gradient =
            flat(sum_of(model, WeightRule::flat(1e9), inputs, active, {.force_strategy = Strategy::keep}));
        const Tensor weighted = gradient * static_cast<double>(rule.weight(gradient.norm().item<double>()));
        expected = expected.defined() ? expected + weighted : weighted;
      }
      for (const Strategy strategy : {Strategy::automatic, Strategy::gram, Strategy::keep, Strategy::drop}) {
        const Tensor sum = flat(sum_of(model, rule, inputs, {}, {.force_strategy = strategy}));
        // Weights are floats: a norm that differs in the last place may round to the neighbouring one.
        EXPECT_LT((sum - expected).norm().item<double>(), 1e-6 * expected.norm().item<double>()) << to_string(strategy);
      }
    }
  }
}

TEST_F(ClipperTest, PhysicalBatchesAddUp) {
  for (const Model& model : zoo(at::kDouble)) {
    const Tensors inputs = model.draw(12);
    const WeightRule rule = WeightRule::psac(0.3);
    const Tensors whole = sum_of(model, rule, inputs);
    Clipper clipper(model.parameters, {}, rule);
    for (int64_t begin = 0; begin < 12; begin += 3)
      clipper.add(rows(inputs, {begin, begin + 1, begin + 2}), model.losses, {});
    const Tensors pieces = ClippedSumTestAccess::values(clipper.take());
    EXPECT_LT(distance(whole, pieces), 1e-9);
    EXPECT_GT(norm(whole), 0.0);
    EXPECT_EQ(norm(ClippedSumTestAccess::values(clipper.take())), 0.0);  // taken once
  }
}

TEST_F(ClipperTest, EmptyBatchIsAllZeros) {
  const Model model = zoo(at::kFloat)[0];
  Clipper clipper(model.parameters, {}, WeightRule::flat(1.0));
  const ClippedSum sum = clipper.take();
  EXPECT_EQ(sum.sensitivity(), 1.0);
  for (size_t p = 0; p < model.parameters.size(); ++p) {
    const Tensor& value = ClippedSumTestAccess::values(sum)[p];
    EXPECT_TRUE(at::equal(value, at::zeros_like(model.parameters[p].tensor)));
    EXPECT_FALSE(value.requires_grad());
  }
}

TEST_F(ClipperTest, NonFiniteRecordAddsExactlyNothing) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 3e38f}) {
    for (const Model& model : zoo(at::kFloat)) {
      Tensors inputs = model.draw(5);
      if (!inputs[0].is_floating_point()) continue;
      inputs[0][2].fill_(bad);
      for (const Strategy strategy : {Strategy::automatic, Strategy::gram, Strategy::keep, Strategy::drop}) {
        for (const WeightRule& rule : rules(0.1)) {
          const Tensors with = sum_of(model, rule, inputs, {}, {.force_strategy = strategy});
          Tensors without = sum_of(model, rule, inputs, {true, true, false, true, true}, {.force_strategy = strategy});
          EXPECT_TRUE(flat(with).isfinite().all().item<bool>());
          if (!std::isfinite(bad)) {
            EXPECT_TRUE(identical(with, without)) << to_string(strategy);
          } else {
            EXPECT_LE(distance(with, without), 0.1 * (1 + 1e-4));  // huge, but perhaps finite: bounded like any other
          }
        }
      }
    }
  }
}

// A record whose gradient is finite in one group and not in the other is left out of both.
TEST_F(ClipperTest, NonFiniteGroupLeavesTheRecordOut) {
  const Model model = make(
      leaves({at::zeros({1, 3}), at::zeros({1, 3})}, at::kFloat), [](int64_t) { return Tensors{}; },
      [](const Tensors& p, const Tensors& x) { return (at::linear(x[0], p[0]) + at::linear(x[1], p[1])).sum(1); });
  Tensors inputs = {at::randn({3, 3}), at::randn({3, 3})};
  inputs[1][0].fill_(std::numeric_limits<float>::infinity());
  Clipper clipper(model.parameters, {}, WeightRule::flat_per_group({1.0, 1.0}), {0, 1});
  clipper.add(inputs, model.losses, {true, false, false});
  EXPECT_EQ(norm(ClippedSumTestAccess::values(clipper.take())), 0.0);
}

TEST_F(ClipperTest, PaddingAddsExactlyNothing) {
  for (const Model& model : zoo(at::kFloat)) {
    const std::vector<bool> active = {true, true, false, true, false};
    Tensors inputs = model.draw(5);
    for (const Strategy strategy : {Strategy::automatic, Strategy::gram, Strategy::keep, Strategy::drop}) {
      const Tensors sum = sum_of(model, WeightRule::psac(0.1), inputs, active, {.force_strategy = strategy});
      Tensors other;
      for (const Tensor& input : inputs) {
        other.push_back(input.clone());
        for (const int64_t i : {2, 4}) {
          if (input.is_floating_point()) {
            other.back()[i].fill_(std::numeric_limits<float>::quiet_NaN());
          } else {
            other.back()[i].zero_();
          }
        }
      }
      EXPECT_TRUE(identical(sum, sum_of(model, WeightRule::psac(0.1), other, active, {.force_strategy = strategy})));
    }
  }
}

TEST_F(ClipperTest, FailedBatchLeavesNothingBehind) {
  const Model model = identity(4);
  Clipper clipper(model.parameters, {}, WeightRule::flat(1.0));
  const Tensors inputs = model.draw(3);
  clipper.add(inputs, model.losses, {});
  EXPECT_THROW(clipper.add(inputs, [](const Tensors&) -> Tensor { throw std::runtime_error("a user's error"); }, {}),
               std::runtime_error);
  EXPECT_EQ(norm(ClippedSumTestAccess::values(clipper.take())), 0.0);
}

TEST_F(ClipperTest, RefusesGroupsThatDisagree) {
  const Model model = zoo(at::kFloat)[0];
  EXPECT_THROW(Clipper(model.parameters, {}, WeightRule::flat_per_group({1.0, 2.0})), UsageError);
  EXPECT_THROW(Clipper(model.parameters, {}, WeightRule::flat(1.0), {0, 1, 1}), UsageError);
  EXPECT_THROW(Clipper(model.parameters, {}, WeightRule::flat(1.0), {0}), UsageError);
}

TEST_F(ClipperTest, RefusesAnotherNumberOfRecordsThanAskedFor) {
  const Model model = identity(4);
  Clipper clipper(model.parameters, {}, WeightRule::flat(1.0));
  EXPECT_THROW(clipper.add(model.draw(3), model.losses, {true, true}), UsageError);
}

// With two kinds of records, most of them noise of small norm and the rest carrying the mean, up-weighting small
// gradients turns the sum away from the mean: the more, the closer the rule is to plain normalisation. Seeded; observed
// cosines at 90 per cent noise: flat 1.000, psac(0.1) 0.9998, psac(0.01) 0.9997, auto-s 0.9617.
TEST_F(ClipperTest, PsacIsBiasedLessThanNormalisation) {
  constexpr int64_t kWidth = 50;
  constexpr int64_t kBatch = 400;
  const Model model = identity(kWidth);
  for (const double noise : {0.5, 0.9}) {
    const auto small = static_cast<int64_t>(noise * kBatch);
    Tensor records = 0.1 * at::randn({kBatch, kWidth}, at::kDouble);
    records.select(1, 0).add_(0.5);
    records.slice(0, 0, small).copy_(at::randn({small, kWidth}, at::kDouble) * (7e-3 / std::sqrt(kWidth)));
    const Tensor mean = at::zeros({kWidth}, at::kDouble);
    mean[0].fill_(1.0);
    const auto cosine = [&](const WeightRule& rule) {
      const Tensor sum = flat(sum_of(model, rule, {records}));
      return (sum[0] / sum.norm()).item<double>();
    };
    // Sampling of the 400 records itself turns the mean by about 1e-2 at 90 per cent noise: compare with flat.
    const double plain = cosine(WeightRule::flat(1.0));
    EXPECT_GT(plain, 0.97);
    EXPECT_NEAR(cosine(WeightRule::psac(1.0, 0.1)), plain, 5e-3);
    EXPECT_NEAR(cosine(WeightRule::psac(1.0, 0.01)), plain, 1e-2);
    if (noise == 0.9) {
      EXPECT_LT(cosine(WeightRule::auto_s(1.0)), cosine(WeightRule::psac(1.0, 0.1)) - 5e-3);
    }
  }
}

// C is only a scale of the normalising rules: the sum for C is C times the sum for 1.
TEST_F(ClipperTest, ClipNormScalesTheSum) {
  const Model model = zoo(at::kDouble)[1];
  const Tensors inputs = model.draw(4);
  for (const double clip_norm : {0.01, 0.1, 30.0}) {
    const Tensor one = flat(sum_of(model, WeightRule::psac(1.0), inputs));
    const Tensor scaled = flat(sum_of(model, WeightRule::psac(clip_norm), inputs));
    EXPECT_LT((scaled - clip_norm * one).norm().item<double>(), 1e-6 * scaled.norm().item<double>());
  }
}

}  // namespace
}  // namespace sotto::optim

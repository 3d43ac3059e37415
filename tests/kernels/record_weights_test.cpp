// Weights of single records against the rules in long double, over all sizes of a norm, and the promise that no weight
// lifts a record above C. The bits of all twins are compared in sim/record_weights_sim_test.

#include <gtest/gtest.h>
#include <sotto/kernels/record_weights.h>

#include <cmath>
#include <limits>
#include <vector>

namespace sotto::kernels {
namespace {

using Kind = WeightFormula::Kind;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

long double rule(const WeightFormula& of, long double norm) {
  const long double clip = of.clip_norm, r = of.parameter;
  switch (of.kind) {
    case Kind::flat:
      return norm <= clip ? 1.0L : clip / norm;
    case Kind::psac:
      return clip / (norm + r / (norm + r));
    case Kind::auto_s:
    case Kind::nsgd:
      break;
  }
  return clip / (norm + r);
}

std::vector<WeightFormula> formulas() {
  std::vector<WeightFormula> all;
  for (const Kind kind : {Kind::flat, Kind::psac, Kind::auto_s, Kind::nsgd})
    for (const double clip : {1e-3, 1.0, 31.0})
      for (const double parameter : {0.01, 1.0}) all.push_back({kind, clip, parameter});
  return all;
}

std::vector<double> norms() {
  std::vector<double> all = {0.0,   std::numeric_limits<double>::denorm_min(), 1.0, 31.0,
                             1e300, std::numeric_limits<double>::max()};
  for (int k = 0; k < 1200; ++k) all.push_back(std::pow(10.0, -30.0 + 60.0 * k / 1200.0));
  return all;
}

// Rounded down to a float: at most one unit in its last place below the rule, and never above it.
TEST(RecordWeight, IsTheRuleRoundedDown) {
  for (const WeightFormula& of : formulas()) {
    for (const double norm : norms()) {
      const long double exact = rule(of, norm);
      const float weight = record_weight(of, norm);
      ASSERT_LE(weight, exact * (1 + 0x1p-51L)) << norm;
      if (exact > std::numeric_limits<float>::min()) {
        ASSERT_GE(weight, exact * (1 - 0x1p-23L) * (1 - 0x1p-50L)) << norm;
      }
    }
  }
}

TEST(RecordWeight, NeverLiftsARecordAboveTheClipNorm) {
  for (const WeightFormula& of : formulas())
    for (const double norm : norms())
      ASSERT_LE(static_cast<long double>(record_weight(of, norm)) * norm, of.clip_norm) << norm;
}

TEST(RecordWeight, IsZeroForWhatIsNoNorm) {
  for (const WeightFormula& of : formulas())
    for (const double norm : {-1.0, -kInfinity, kInfinity, std::nan("")}) EXPECT_EQ(record_weight(of, norm), 0.0F);
}

TEST(RecordNormBound, IsNotBelowTheRootAndCloseToIt) {
  for (const double squared : norms()) {
    if (squared > 1e300) continue;
    for (const double share : {0.0, 1e-9, 0.5}) {
      const double slack = squared * share;
      const long double root = std::sqrt(static_cast<long double>(squared) + slack);
      const double bound = record_norm_bound(squared, slack);
      ASSERT_GE(bound, root);
      ASSERT_LE(bound, root * (1 + kNormMargin) * (1 + 0x1p-50L));
    }
  }
  EXPECT_EQ(record_norm_bound(-4.0, 3.0), 0.0);  // what cancelled below 0
  EXPECT_EQ(record_norm_bound(1.0, kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(record_norm_bound(std::nan(""), 1.0)));
}

TEST(RecordWeights, PaddingAndRecordsThatAreNotFiniteWeighNothing) {
  const std::vector<WeightFormula> groups = {{Kind::flat, 1.0, 0.0}, {Kind::auto_s, 1.0, 1.0}};
  const std::vector<double> computed = {4.0, 4.0, 4.0, 9.0, std::nan(""), 9.0}, slack(6, 0.0);
  const std::vector<std::uint8_t> active = {1, 1, 0};
  std::vector<float> weights(6, -1.0F);
  record_weights(groups, computed.data(), slack.data(), active.data(), 3, weights.data());
  EXPECT_NEAR(weights[0], 0.5, 1e-6);
  EXPECT_NEAR(weights[3], 0.25, 1e-6);
  for (const std::size_t left_out : {1U, 2U, 4U, 5U}) EXPECT_EQ(weights[left_out], 0.0F);
  record_weights(groups, nullptr, nullptr, nullptr, 0, nullptr);
}

}  // namespace
}  // namespace sotto::kernels

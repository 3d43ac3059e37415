// The bound ||w(n) g|| <= S of every rule, and the closed forms of the papers, in long double: n up to 2^100 times a
// float fits its 64-bit significand without error.

#include <gtest/gtest.h>
#include <sotto/optim/weight_rule.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

namespace sotto::optim {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const double kShapes[] = {1e-3, 0.01, 0.1, 1.0};
const double kClipNorms[] = {1e-6, 0.037, 0.1, 1.0, 3.7, 1e6};

// Norms from 1e-30 to 1e30, 50 per decade.
std::vector<double> sixty_decades() {
  std::vector<double> norms;
  for (int step = -1500; step <= 1500; ++step) norms.push_back(std::pow(10.0, step / 50.0));
  return norms;
}

std::vector<WeightRule> all_rules(double clip_norm) {
  std::vector<WeightRule> rules = {WeightRule::flat(clip_norm)};
  for (double shape : kShapes) {
    rules.push_back(WeightRule::psac(clip_norm, shape));
    rules.push_back(WeightRule::auto_s(clip_norm, shape));
    rules.push_back(WeightRule::nsgd(clip_norm, shape));
  }
  return rules;
}

// The product of a 53-bit and a 24-bit number needs 77 bits, one more step than long double has: split the norm, so
// that every product is exact, and compare with what the bound leaves.
bool exceeds(float weight, double norm, double bound) {
  const auto high = static_cast<long double>(static_cast<float>(std::min(norm, 1e38)));
  const long double low = static_cast<long double>(norm) - high;
  const long double w = weight;
  // w * high has 48 bits, w * low at most 53: both exact; the difference with the bound is exact by Sterbenz' lemma
  // where it matters, namely when the two are close.
  return (static_cast<long double>(bound) - w * high) - w * low < 0.0L;
}

TEST(WeightRule, NormNeverExceedsSensitivity) {
  for (double clip_norm : kClipNorms) {
    for (const WeightRule& rule : all_rules(clip_norm)) {
      EXPECT_EQ(rule.sensitivity(), clip_norm);
      for (double norm : sixty_decades()) {
        const float weight = rule.weight(norm);
        ASSERT_TRUE(weight >= 0.0f && std::isfinite(weight)) << rule.name() << " n = " << norm;
        ASSERT_FALSE(exceeds(weight, norm, rule.sensitivity()))
            << rule.name() << " C = " << clip_norm << " n = " << norm;
      }
    }
  }
}

TEST(WeightRule, NormNeverExceedsSensitivityOnRandomNorms) {
  std::mt19937_64 random(20260101);
  std::uniform_real_distribution<double> decade(-30.0, 30.0);
  std::uniform_real_distribution<double> scale(-6.0, 6.0);
  for (int draw = 0; draw < 200000; ++draw) {
    const double clip_norm = std::pow(10.0, scale(random));
    const double shape = std::pow(10.0, scale(random) / 2.0);
    const double norm = std::pow(10.0, decade(random));
    for (const WeightRule& rule : {WeightRule::flat(clip_norm), WeightRule::psac(clip_norm, shape),
                                   WeightRule::auto_s(clip_norm, shape), WeightRule::nsgd(clip_norm, shape)}) {
      ASSERT_FALSE(exceeds(rule.weight(norm), norm, rule.sensitivity()))
          << rule.name() << " C = " << clip_norm << " r = " << shape << " n = " << norm;
    }
  }
}

// The weight is a float: where C / n falls between two floats the nearest one is too large half of the time.
TEST(WeightRule, FlatWeightIsRoundedDown) {
  for (double norm : {3.0, 7.0, 1.1, 1e10 / 3.0}) {
    const float weight = WeightRule::flat(1.0).weight(norm);
    EXPECT_LE(static_cast<long double>(weight) * norm, 1.0L);
    EXPECT_GT(static_cast<long double>(std::nextafterf(weight, 1.0f)) * norm, 1.0L);
  }
}

TEST(WeightRule, FlatLeavesSmallGradientsAlone) {
  const WeightRule rule = WeightRule::flat(0.5);
  EXPECT_EQ(rule.weight(0.0), 1.0f);
  EXPECT_EQ(rule.weight(0.25), 1.0f);
  EXPECT_NEAR(rule.weight(2.0), 0.25, 1e-7);
}

TEST(WeightRule, PsacFollowsItsClosedForm) {
  for (double r : kShapes) {
    const WeightRule rule = WeightRule::psac(1.0, r);
    for (double norm : sixty_decades()) {
      const long double n = norm;
      const long double expected = n * (n + r) / (n * n + r * n + r);  // = 1 - r/(n^2 + r n + r), without cancellation
      const long double contribution = static_cast<long double>(rule.weight(norm)) * n;
      ASSERT_NEAR(static_cast<double>(contribution / expected), 1.0, 1e-6) << "r = " << r << " n = " << norm;
      const long double gap = r / (n * n + r * n + r);
      ASSERT_NEAR(static_cast<double>(contribution), static_cast<double>(1.0L - gap), 1e-6);
    }
  }
}

TEST(WeightRule, NormalisingRulesFollowTheirClosedForms) {
  for (double norm : sixty_decades()) {
    ASSERT_NEAR(WeightRule::auto_s(0.3, 0.01).weight(norm) * (norm + 0.01) / 0.3, 1.0, 1e-6) << norm;
    ASSERT_NEAR(WeightRule::nsgd(0.3, 0.02).weight(norm) * (norm + 0.02) / 0.3, 1.0, 1e-6) << norm;
  }
}

TEST(WeightRule, ZeroGradientHasAFiniteWeight) {
  for (double r : kShapes) {
    EXPECT_FLOAT_EQ(WeightRule::psac(0.7, r).weight(0.0), 0.7f);  // w(0) = C for every r
    EXPECT_FLOAT_EQ(WeightRule::auto_s(0.7, r).weight(0.0), static_cast<float>(0.7 / r));
    EXPECT_FLOAT_EQ(WeightRule::nsgd(0.7, r).weight(0.0), static_cast<float>(0.7 / r));
  }
  EXPECT_NEAR(WeightRule::psac(1.0, 0.1).weight(1e-8), 1.0, 1e-6);
}

TEST(WeightRule, PsacRisesThenFalls) {
  for (double r : {1e-3, 0.01, 0.1}) {
    const WeightRule rule = WeightRule::psac(1.0, r);
    const double peak = std::sqrt(r) - r;
    EXPECT_GT(rule.weight(peak), rule.weight(0.0));
    EXPECT_GT(rule.weight(peak), rule.weight(1.0));
    EXPECT_NEAR(rule.weight(peak), 1.0 / (2.0 * std::sqrt(r) - r), 1e-5);
    EXPECT_NEAR(rule.weight(1.0 - r), 1.0, 1e-6);  // back to C at n = 1 - r
  }
}

TEST(WeightRule, OtherRulesNeverRise) {
  for (const WeightRule& rule : {WeightRule::flat(0.3), WeightRule::auto_s(0.3), WeightRule::nsgd(0.3),
                                 WeightRule::psac(0.3, 1.0), WeightRule::psac(0.3, 4.0)}) {
    float last = rule.weight(0.0);
    for (double norm : sixty_decades()) {
      const float weight = rule.weight(norm);
      ASSERT_LE(weight, last) << rule.name() << " n = " << norm;
      last = weight;
    }
  }
}

// C is only a scale of the normalising rules.
TEST(WeightRule, ClipNormScalesTheWeight) {
  using Factory = std::function<WeightRule(double)>;
  for (const Factory& make : {Factory([](double c) { return WeightRule::psac(c, 0.1); }),
                              Factory([](double c) { return WeightRule::auto_s(c); }),
                              Factory([](double c) { return WeightRule::nsgd(c); })}) {
    for (double clip_norm : kClipNorms) {
      for (double norm : {0.0, 1e-9, 0.02, 0.9, 31.0, 1e12}) {
        EXPECT_NEAR(make(clip_norm).weight(norm) / (clip_norm * make(1.0).weight(norm)), 1.0, 3e-7);
      }
    }
  }
}

TEST(WeightRule, NonFiniteNormContributesNothing) {
  for (const WeightRule& rule : all_rules(0.1)) {
    EXPECT_EQ(rule.weight(kInfinity), 0.0f);
    EXPECT_EQ(rule.weight(-kInfinity), 0.0f);
    EXPECT_EQ(rule.weight(kNan), 0.0f);
    EXPECT_EQ(rule.weight(-1.0), 0.0f);
  }
}

TEST(WeightRule, GroupsAddInSquares) {
  const std::vector<double> clip_norms = {0.1, 0.2, 3.0, 1e-3};
  const WeightRule rule = WeightRule::flat_per_group(clip_norms);
  long double squares = 0.0L;
  for (double c : clip_norms) squares += static_cast<long double>(c) * c;
  EXPECT_GE(static_cast<long double>(rule.sensitivity()), std::sqrt(squares));  // never rounded below
  EXPECT_NEAR(rule.sensitivity(), static_cast<double>(std::sqrt(squares)), 1e-13);
  EXPECT_TRUE(rule.per_group());
  EXPECT_EQ(rule.group_count(), 4);
  for (double norm : sixty_decades()) {
    for (size_t group = 0; group < clip_norms.size(); ++group) {
      ASSERT_FALSE(exceeds(rule.weight(norm, static_cast<int64_t>(group)), norm, clip_norms[group]));
    }
  }
  EXPECT_THROW((void)rule.weight(1.0, 4), std::out_of_range);
}

TEST(WeightRule, SaysWhatItIs) {
  using Parameters = std::vector<std::pair<std::string, double>>;
  EXPECT_EQ(WeightRule::flat(0.1).name(), "flat");
  EXPECT_EQ(WeightRule::flat(0.1).parameters(), (Parameters{{"clip_norm", 0.1}}));
  EXPECT_EQ(WeightRule::psac(0.1, 0.2).name(), "psac");
  EXPECT_EQ(WeightRule::psac(0.1, 0.2).parameters(), (Parameters{{"clip_norm", 0.1}, {"r", 0.2}}));
  EXPECT_EQ(WeightRule::auto_s(0.1, 0.2).name(), "auto-s");
  EXPECT_EQ(WeightRule::auto_s(0.1, 0.2).parameters(), (Parameters{{"clip_norm", 0.1}, {"gamma", 0.2}}));
  EXPECT_EQ(WeightRule::nsgd(0.1, 0.2).name(), "nsgd");
  EXPECT_EQ(WeightRule::nsgd(0.1, 0.2).parameters(), (Parameters{{"clip_norm", 0.1}, {"r", 0.2}}));
  EXPECT_EQ(WeightRule::flat_per_group({0.1, 0.2}).name(), "flat-per-group");
  EXPECT_EQ(WeightRule::flat_per_group({0.1, 0.2}).parameters(),
            (Parameters{{"clip_norm.0", 0.1}, {"clip_norm.1", 0.2}}));
}

TEST(WeightRule, RefusesParametersThatAreNotPositive) {
  for (double bad : {0.0, -0.0, -1.0, kInfinity, -kInfinity, kNan}) {
    EXPECT_THROW(WeightRule::flat(bad), UsageError) << bad;
    EXPECT_THROW(WeightRule::psac(bad), UsageError) << bad;
    EXPECT_THROW(WeightRule::psac(1.0, bad), UsageError) << bad;
    EXPECT_THROW(WeightRule::auto_s(bad), UsageError) << bad;
    EXPECT_THROW(WeightRule::auto_s(1.0, bad), UsageError) << bad;
    EXPECT_THROW(WeightRule::nsgd(bad), UsageError) << bad;
    EXPECT_THROW(WeightRule::nsgd(1.0, bad), UsageError) << bad;
    EXPECT_THROW(WeightRule::flat_per_group({1.0, bad}), UsageError) << bad;
  }
  EXPECT_THROW(WeightRule::flat_per_group({}), UsageError);
}

}  // namespace
}  // namespace sotto::optim

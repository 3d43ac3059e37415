#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/selection_runs.h>

#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "selection_law.h"

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

const std::vector<SelectionRuns>& laws() {
  static const std::vector<SelectionRuns> kLaws{TruncatedNegativeBinomial{1, 0.1},
                                                TruncatedNegativeBinomial{0, 0.05},
                                                TruncatedNegativeBinomial{0.5, 0.1},
                                                TruncatedNegativeBinomial{-0.5, 0.02},
                                                TruncatedNegativeBinomial{3.7, 0.3},
                                                TruncatedNegativeBinomial{-0.9, 0.3},
                                                TruncatedNegativeBinomial{1e-9, 0.05},
                                                TruncatedNegativeBinomial{25, 0.9},
                                                TruncatedNegativeBinomial{2, 0.999},
                                                PoissonRuns{0.3},
                                                PoissonRuns{10},
                                                PoissonRuns{100}};
  return kLaws;
}

// Cells that expect at least 10 draws; false alarm 1e-5 for each law.
TEST(SelectionRuns, DrawsFollowTheLaw) {
  constexpr int kDraws = 700;
  RandomStream stream(SecretKey::insecure_for_tests(9), "selection runs test");
  for (std::size_t l = 0; l < laws().size(); ++l) {
    const auto law = test::selection_law(laws()[l]);
    std::vector<double> observed(law.size() + 1);
    for (int i = 0; i < kDraws; ++i)
      ++observed[std::min(static_cast<std::size_t>(draw_runs(laws()[l], stream)), law.size())];
    double statistic = 0, cell_expected = 0, cell_observed = 0, left = kDraws;
    int cells = 0;
    for (std::size_t k = 0; k <= law.size(); ++k) {
      cell_expected += k < law.size() ? kDraws * static_cast<double>(law[k]) : 0;
      cell_observed += observed[k];
      if (k < law.size() && (cell_expected < 10 || left - cell_expected < 10)) continue;
      if (k == law.size()) cell_expected = left;
      statistic += (cell_observed - cell_expected) * (cell_observed - cell_expected) / cell_expected;
      left -= cell_expected;
      cell_expected = cell_observed = 0;
      ++cells;
    }
    if (cells < 2) {
      EXPECT_LE(kDraws - observed[1], 20) << "mean just above 1";  // expects 1.1, false alarm 1e-15
      continue;
    }
    EXPECT_GT(cdf(complement(boost::math::chi_squared(cells - 1), statistic)), 1e-5) << "law " << l;
  }
}

TEST(SelectionRuns, MeanIsThatOfTheLaw) {
  for (std::size_t l = 0; l < laws().size(); ++l) {
    const auto law = test::selection_law(laws()[l]);
    long double mean = 0, total = 0;
    for (std::size_t k = 0; k < law.size(); ++k) {
      mean += static_cast<long double>(k) * law[k];
      total += law[k];
    }
    EXPECT_NEAR(static_cast<double>(total), 1, 1e-13) << "law " << l;
    EXPECT_NEAR(mean_runs(laws()[l]) / static_cast<double>(mean), 1, 1e-12) << "law " << l;
  }
}

TEST(SelectionRuns, GeometricAndLogarithmicMeansAreClosedForms) {
  for (const double gamma : {1e-200, 1e-6, 0.25, 0.999999}) {
    EXPECT_NEAR(mean_runs(TruncatedNegativeBinomial{1, gamma}) * gamma, 1, 1e-13);
    const double x = -std::log(gamma);
    EXPECT_NEAR(mean_runs(TruncatedNegativeBinomial{0, gamma}) / (std::expm1(x) / x), 1, 1e-13);
    // eta = 2: 2 / (gamma (1 + gamma))
    EXPECT_NEAR(mean_runs(TruncatedNegativeBinomial{2, gamma}) * gamma * (1 + gamma) / 2, 1, 1e-13);
  }
}

TEST(SelectionRuns, GammaOfAMeanGivesThatMean) {
  for (const double eta : {-0.9, -0.5, 0.0, 1e-12, 0.5, 1.0, 4.0, 1000.0})
    for (const double mean : {1.000001, 1.5, 10.0, 1e4, 1e6}) {
      const auto law = truncated_negative_binomial(eta, mean);
      EXPECT_EQ(law.eta, eta);
      EXPECT_NEAR(mean_runs(law) / mean, 1, 1e-9) << eta << " " << mean;
    }
  EXPECT_NEAR(truncated_negative_binomial(1, 16).gamma, 1.0 / 16, 1e-11);
}

// gamma would have to be 1e-1000.
TEST(SelectionRuns, MeansOutOfReachAreRefused) {
  EXPECT_THROW(truncated_negative_binomial(-0.999, 10), UsageError);
}

TEST(SelectionRuns, DrawsFollowTheKey) {
  const auto draws = [](std::uint64_t seed) {
    RandomStream stream(SecretKey::insecure_for_tests(seed), "runs");
    std::vector<std::int64_t> drawn(50);
    for (auto& k : drawn) k = draw_runs(TruncatedNegativeBinomial{0.5, 0.001}, stream);
    return drawn;
  };
  EXPECT_EQ(draws(1), draws(1));
  EXPECT_NE(draws(1), draws(2));
}

// Sums of a thousand draws: 4.5 standard errors, false alarm 7e-6.
TEST(SelectionRuns, LargeMeansAreDrawn) {
  RandomStream stream(SecretKey::insecure_for_tests(2), "runs");
  double sum = 0;
  for (int i = 0; i < 20; ++i) sum += static_cast<double>(draw_runs(PoissonRuns{20'000}, stream));
  EXPECT_NEAR(sum, 400'000, 4.5 * std::sqrt(400'000.0));
}

TEST(SelectionRuns, RefusesWhatTheTheoremsExclude) {
  RandomStream stream(SecretKey::insecure_for_tests(1), "runs");
  for (const double eta : {-1.0, -1.5, kInfinity, kNan}) {
    EXPECT_THROW(validate(TruncatedNegativeBinomial{eta, 0.5}), UsageError) << eta;
    EXPECT_THROW(truncated_negative_binomial(eta, 10), UsageError) << eta;
  }
  for (const double gamma : {0.0, 1.0, -0.1, 1.5, 1e-301, kNan})
    EXPECT_THROW(validate(TruncatedNegativeBinomial{1, gamma}), UsageError) << gamma;
  for (const double mean : {0.0, -1.0, 2e6, kInfinity, kNan})
    EXPECT_THROW(validate(PoissonRuns{mean}), UsageError) << mean;
  for (const double mean : {1.0, 0.5, 2e6, kNan})
    EXPECT_THROW(truncated_negative_binomial(1, mean), UsageError) << mean;
  EXPECT_THROW(validate(TruncatedNegativeBinomial{}), UsageError);
  EXPECT_THROW(validate(PoissonRuns{}), UsageError);
  EXPECT_THROW(draw_runs(TruncatedNegativeBinomial{1, 1e-7}, stream), UsageError);
  EXPECT_THROW(mean_runs(TruncatedNegativeBinomial{-1, 0.5}), UsageError);
}

}  // namespace
}  // namespace sotto::privacy

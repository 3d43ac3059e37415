#include "exact_epsilon.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "../golden_table.h"
#include "inversion.h"
#include "saddle.h"
#include "single_release.h"

namespace sotto::oracle {
namespace {

using privacy::GoldenRow;
using privacy::read_golden;

const std::map<std::string, Side> sides = {{"remove", Side::remove}, {"add", Side::add}};

TEST(ExactEpsilon, MeetsTheComposedGoldenRows) {
  int compared = 0;
  for (const GoldenRow& row : read_golden("golden_composed.csv")) {
    if (row.text("q").find('/') != std::string::npos) continue;
    const Release release{Real(row.text("q")), Real(row.text("sigma")), static_cast<int64_t>(row.number("T"))};
    const Real delta(row.text("delta"));
    for (const auto& [name, side] : sides) {
      const std::string expected = row.text("eps_" + name);
      if (expected.empty()) continue;
      SCOPED_TRACE(row.text("label") + " " + name);
      const Answer found = exact_epsilon(release, side, delta);
      ASSERT_TRUE(found);
      ++compared;
      // The smaller loss is given with fewer digits in some rows.
      const Real last_digit = pow(Real(10), -static_cast<int>(expected.size() - expected.find('.') - 1));
      EXPECT_LE(abs(*found - Real(expected)), std::max(Real(row.text("tol")), last_digit)) << found->str(20);
    }
    const Answer larger = exact_epsilon(release, delta);
    ASSERT_TRUE(larger) << row.text("label");
    EXPECT_LE(abs(*larger - Real(row.text("eps_max"))), Real(row.text("tol"))) << row.text("label");
  }
  EXPECT_GE(compared, 40);
}

TEST(ExactDelta, MeetsTheGoldenRowsOfOneRelease) {
  int compared = 0;
  for (const GoldenRow& row : read_golden("golden_delta.csv")) {
    const Release release{Real(row.text("q")), Real(row.text("sigma")), 1};
    for (const auto& [name, side] : sides) {
      const Real expected(row.text("delta_" + name));
      const Answer found = exact_delta(release, side, Real(row.text("eps")));
      ASSERT_TRUE(found);
      EXPECT_LE(abs(*found - expected), Real(1e-20) * expected)
          << row.text("q") << " " << row.text("eps") << " " << name;
      ++compared;
    }
  }
  EXPECT_GE(compared, 60);
}

// The contours know nothing of the closed form that answers where there is no sampling.
TEST(Inversion, MeetsTheGaussianMechanism) {
  for (const char* noise : {"3", "30"}) {
    for (const double epsilon : {0.1, 1.0, 4.0}) {
      for (const Side side : {Side::remove, Side::add}) {
        const Release release{1, Real(noise), 25};
        const Law law{release, side};
        const Real expected = *exact_delta(release, side, epsilon);
        InversionSettings settings;
        settings.near_epsilon = epsilon;
        settings.log_delta = static_cast<double>(log(expected));
        settings.abscissa = saddle_abscissa(law, epsilon);
        const auto inversion = Inversion::line(law, settings);
        ASSERT_TRUE(inversion) << noise << " " << epsilon;
        EXPECT_LE(abs(inversion->at(epsilon).delta - expected), Real(1e-17) * expected) << noise << " " << epsilon;
      }
    }
  }
}

// Two computations with nothing in common but the definitions.
TEST(Inversion, MeetsTheClosedFormOfOneRelease) {
  const Release release{Real("0.01"), Real("0.5"), 1};
  for (const char* epsilon : {"0.01", "0.1", "1", "5"}) {
    const Law law{release, Side::remove};
    const Real expected = *exact_delta(release, Side::remove, Real(epsilon));
    InversionSettings settings;
    settings.near_epsilon = std::stod(epsilon);
    settings.log_delta = static_cast<double>(log(expected));
    settings.abscissa = 0.9 * saddle_abscissa(law, settings.near_epsilon);
    const auto inversion = Inversion::hyperbola(law, settings);
    ASSERT_TRUE(inversion) << epsilon;
    EXPECT_LE(abs(inversion->at(Real(epsilon)).delta - expected), Real(1e-13) * expected) << epsilon;
  }
}

// delta of two releases is the mean of delta of one, at epsilon less the loss of the other. The integrand has an
// essential singularity where the first release alone decides, at u = turn; on either side the trapezoidal rule in log
// |u - turn|.
Real integrated_delta_of_two(const Release& one, Side side, const Real& epsilon) {
  const Real& q = one.sampling_rate;
  const Real& sigma = one.noise_multiplier;
  const Real sign = side == Side::remove ? 1 : -1;
  const Real turn = 1 / (2 * sigma) + sigma * log((exp(sign * epsilon) / (1 - q) - 1 + q) / q);
  const Real step = Real("0.07");
  Real sum = 0;
  for (int k = -450; k * step <= log(Real(60)); ++k) {
    const Real distance = exp(step * k);
    for (const Real& u : {Real(turn - distance), Real(turn + distance)}) {
      const Real ratio = 1 - q + q * exp((u - 1 / (2 * sigma)) / sigma);
      const Real density = exp(-u * u / 2) * (side == Side::remove ? ratio : Real(1));
      if (density < Real(1e-60)) continue;
      sum += distance * density * closed_form_delta(one, side, epsilon - sign * log(ratio));
    }
  }
  return sum * step / sqrt(2 * pi());
}

TEST(ExactDelta, MeetsDirectIntegrationOfTwoReleases) {
  struct Case {
    const char* sampling_rate;
    const char* noise_multiplier;
    const char* epsilon;
  };
  for (const Case& c : {Case{"0.2", "0.5", "1"}, Case{"0.2", "2", "0.3"}, Case{"1e-6", "0.47", "0.04"},
                        Case{"0.001", "0.9", "0.01"}, Case{"0.001", "0.4", "5"}}) {
    for (const auto& [name, side] : sides) {
      const Release two{Real(c.sampling_rate), Real(c.noise_multiplier), 2};
      const Release one{two.sampling_rate, two.noise_multiplier, 1};
      const Real epsilon = side == Side::remove ? Real(c.epsilon) : Real(-log1p(-two.sampling_rate));
      const Answer found = exact_delta(two, side, epsilon);
      ASSERT_TRUE(found) << c.sampling_rate << " " << c.noise_multiplier << " " << name;
      const Real expected = integrated_delta_of_two(one, side, epsilon);
      EXPECT_LE(abs(*found - expected), Real(1e-11) * expected)
          << c.sampling_rate << " " << c.noise_multiplier << " " << name << " " << *found << " " << expected;
    }
  }
}

TEST(ExactEpsilon, IsTheInverseOfExactDelta) {
  for (const Side side : {Side::remove, Side::add}) {
    const Release release{Real("0.02"), Real("0.8"), 300};
    const Answer epsilon = exact_epsilon(release, side, Real("1e-7"));
    ASSERT_TRUE(epsilon);
    const Answer delta = exact_delta(release, side, *epsilon);
    ASSERT_TRUE(delta);
    EXPECT_LE(abs(*delta - Real("1e-7")), Real(1e-17));
  }
}

TEST(ExactEpsilon, IsZeroWhereDeltaAtZeroIsBelowTheTarget) {
  const Release release{Real("1e-4"), 1, 400};
  const Answer at_zero = exact_delta(release, Side::remove, 0);
  ASSERT_TRUE(at_zero);
  EXPECT_EQ(*exact_epsilon(release, *at_zero * Real(1.001)), 0);
  EXPECT_GT(*exact_epsilon(release, *at_zero * Real(0.999)), 0);
}

// At 0 both directions are the total variation distance.
TEST(ExactDelta, IsTheSameOnBothSidesAtZero) {
  const Release release{Real("0.003"), Real("1.7"), 700};
  const Answer remove = exact_delta(release, Side::remove, 0), add = exact_delta(release, Side::add, 0);
  ASSERT_TRUE(remove && add);
  EXPECT_LE(abs(*remove - *add), Real(1e-16) * *remove);
}

}  // namespace
}  // namespace sotto::oracle

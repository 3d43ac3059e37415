#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/loss_lattice.h>
#include <sotto/privacy/subsampled_delta.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace sotto::privacy {
namespace {

struct Case {
  std::string name;
  OneStepLoss loss;
  double (*delta)(double epsilon);  // closed form
};

double exact_remove(double epsilon) {
  return subsampled_gaussian_delta(0.05, 0.7, epsilon, Direction::remove);
}
double exact_add(double epsilon) {
  return subsampled_gaussian_delta(0.05, 0.7, epsilon, Direction::add);
}
double exact_replace(double epsilon) {
  return subsampled_gaussian_delta_replace(0.05, 0.7, epsilon);
}
double exact_gaussian(double epsilon) {
  return subsampled_gaussian_delta(1, 0.7, epsilon, Direction::remove);
}
double exact_rare(double epsilon) {
  return subsampled_gaussian_delta(1e-6, 0.4, epsilon, Direction::remove);
}
// accounting.md 1.2: the larger of both directions of twice the shift.
double exact_without_replacement(double epsilon) {
  return std::max(subsampled_gaussian_delta(0.05, 0.35, epsilon, Direction::remove),
                  subsampled_gaussian_delta(0.05, 0.35, epsilon, Direction::add));
}
// P = Lap(0, b), Q = Lap(1, b), b = 2: the event x <= x_t is worst.
double exact_laplace(double epsilon) {
  constexpr double kScale = 2;
  if (epsilon <= -1 / kScale) return -std::expm1(epsilon);
  return epsilon >= 1 / kScale ? 0 : -std::expm1((epsilon - 1 / kScale) / 2);
}

std::vector<Case> cases() {
  const PoissonSampled sampled{0.05, {0.7}};
  return {
      {"remove", one_step_loss(sampled, Adjacency::add_remove, Direction::remove), exact_remove},
      {"add", one_step_loss(sampled, Adjacency::add_remove, Direction::add), exact_add},
      {"replace", one_step_loss(sampled, Adjacency::replace_one, Direction::remove), exact_replace},
      {"gaussian", gaussian_loss(1 / 0.7), exact_gaussian},
      {"rare", one_step_loss(PoissonSampled{1e-6, {0.4}}, Adjacency::add_remove, Direction::remove), exact_rare},
      {"without replacement",
       one_step_loss(WithoutReplacement{5, 100, {0.7}}, Adjacency::replace_one, Direction::remove),
       exact_without_replacement},
      {"laplace", one_step_loss(Laplace{2}, Adjacency::add_remove, Direction::remove), exact_laplace},
  };
}

double delta_of(const LossLattice& lattice, const std::vector<double>& masses, double infinity, double shift,
                double epsilon) {
  double sum = infinity;
  for (std::size_t i = 0; i < masses.size(); ++i) {
    const double loss =
        lattice.offset + static_cast<double>(lattice.first + static_cast<std::int64_t>(i)) * lattice.step + shift;
    if (loss > epsilon) sum += masses[i] * -std::expm1(epsilon - loss);
  }
  return sum;
}

// The whole curve, above and below 0: that is what makes compositions of it bounds too.
TEST(LossLattice, EnclosesTheExactCurve) {
  for (const Case& c : cases()) {
    for (const double step : {0.3, 0.02, 1e-3}) {
      const LossLattice lattice = discretise(c.loss, step, 1e-18);
      for (double epsilon = -2.5; epsilon < 6; epsilon += 0.0731) {
        SCOPED_TRACE(testing::Message() << c.name << " step " << step << " epsilon " << epsilon);
        const double exact = c.delta(epsilon);
        EXPECT_GE(delta_of(lattice, lattice.upper, lattice.upper_infinity, lattice.upper_shift, epsilon),
                  exact * (1 - 1e-11) - 1e-17);
        EXPECT_LE(delta_of(lattice, lattice.lower, lattice.lower_infinity, -lattice.lower_shift, epsilon),
                  exact * (1 + 1e-11) + 1e-17);
      }
    }
  }
}

// Both masses are kept: sum p = 1 from above and below, sum p e^-L at most 1 from above.
TEST(LossLattice, KeepsTheMasses) {
  for (const Case& c : cases()) {
    const LossLattice lattice = discretise(c.loss, 0.01, 1e-18);
    double upper = lattice.upper_infinity, lower = 0, upper_q = 0;
    for (std::size_t i = 0; i < lattice.upper.size(); ++i) {
      const double loss = lattice.offset + static_cast<double>(lattice.first + static_cast<std::int64_t>(i)) * 0.01;
      EXPECT_GE(lattice.upper[i], 0) << c.name;
      EXPECT_GE(lattice.lower[i], 0) << c.name;
      upper += lattice.upper[i];
      lower += lattice.lower[i];
      upper_q += lattice.upper[i] * std::exp(-loss);
    }
    EXPECT_GE(upper, 1 - 1e-15) << c.name;
    EXPECT_LE(upper, 1 + 1e-11) << c.name;
    EXPECT_LE(lower, 1 + 1e-15) << c.name;
    EXPECT_GE(lower, 1 - 1e-11) << c.name;
    EXPECT_LE(upper_q, 1 + 1e-9) << c.name;
  }
}

// The gap between the two curves is a quarter at half the step, nearly.
TEST(LossLattice, ErrorIsQuadraticInTheStep) {
  for (const Case& c : cases()) {
    // Atoms are on the lattice only at fitting steps; losses that are nearly all below the step err by it times them.
    if (c.name == "laplace" || c.name == "rare") continue;
    double last = 0;
    for (const double step : {0.04, 0.02, 0.01}) {
      const LossLattice lattice = discretise(c.loss, step, 1e-18);
      double gap = 0;
      for (double epsilon = 0.013; epsilon < 4; epsilon += 0.1)
        gap += delta_of(lattice, lattice.upper, lattice.upper_infinity, 0, epsilon) -
               delta_of(lattice, lattice.lower, lattice.lower_infinity, 0, epsilon);
      if (last > 0) {
        EXPECT_LT(gap, 0.4 * last) << c.name << " " << step;
      }
      last = gap;
    }
  }
}

TEST(LossLattice, AtomsOnTheLatticeAreExact) {
  const OneStepLoss loss = one_step_loss(ApproxDp{1, 0.1}, Adjacency::add_remove, Direction::remove);
  const LossLattice lattice = discretise(loss, 0.25, 1e-18);
  for (const double epsilon : {0.0, 0.25, 0.5, 1.0, 1.5}) {
    const double exact = epsilon >= 1 ? 0.1 : 0.1 + 0.9 / (1 + std::exp(-1.0)) * -std::expm1(epsilon - 1);
    EXPECT_NEAR(delta_of(lattice, lattice.upper, lattice.upper_infinity, 0, epsilon), exact, 1e-14);
    EXPECT_NEAR(delta_of(lattice, lattice.lower, lattice.lower_infinity, 0, epsilon), exact, 1e-14);
  }
}

TEST(LossLattice, RefusesWhatItCannotHold) {
  const OneStepLoss loss = gaussian_loss(1);
  EXPECT_THROW(discretise(loss, 1e-12, 1e-9), UsageError);
  EXPECT_THROW(discretise(loss, 0, 1e-9), UsageError);
  EXPECT_THROW(discretise(loss, std::numeric_limits<double>::quiet_NaN(), 1e-9), UsageError);
  EXPECT_THROW(discretise(loss, 0.1, 0), UsageError);
}

// The two cases of a cut batch, by enumeration of every batch of a data set of five records.
TEST(TruncatedCases, MeetEnumeration) {
  const int n = 5, cap = 2;
  const double q = 0.3;
  double below = 0, full = 0, joins = 0;
  for (int others = 0; others < n; ++others) {
    const double ways[] = {1, 4, 6, 4, 1};
    const double probability = ways[others] * std::pow(q, others) * std::pow(1 - q, n - 1 - others);
    if (others < cap) {
      below += probability;
    } else {
      full += probability;
      joins += probability * q * cap / (others + 1);
    }
  }
  const auto found = truncated_cases({q, n, cap, {1}});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_NEAR(found[0].probability, below, 1e-9);
  EXPECT_EQ(found[0].rate, q);
  EXPECT_EQ(found[0].shift, 1);
  EXPECT_NEAR(found[1].probability, full, 1e-9);
  EXPECT_NEAR(found[1].rate, joins / full, 1e-9);
  EXPECT_EQ(found[1].shift, 2);
  EXPECT_GE(found[1].probability, full);
}

}  // namespace
}  // namespace sotto::privacy

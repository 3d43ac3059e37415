// Curves of mixtures of Gaussians: sums over tuples, Poisson sampling, the definition, and what is published.

#include <gtest/gtest.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/privacy/release_rdp.h>

#include <algorithm>
#include <cmath>

#include "rdp_reference.h"

namespace sotto::privacy {
namespace {

using reference::brute_force_rdp, reference::expect_relative, reference::mixture;

// E_Q[r^2] and E_Q[r^3] of a mixture are sums over pairs and triples of centres.
TEST(Mixture, IntegerOrdersAreSumsOverTuples) {
  const MixtureOfGaussians event{2, {0, 2, 3}, {0.33, 0.34, 0.33}};
  const auto curve = make_release_rdp(Adjacency::add_remove, event);
  long double second = 0, third = 0;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      const long double a = event.sensitivities[i] / 2, b = event.sensitivities[j] / 2;
      second += static_cast<long double>(event.probabilities[i]) * event.probabilities[j] * std::exp(a * b);
      for (int k = 0; k < 3; ++k) {
        const long double c = event.sensitivities[k] / 2;
        third += static_cast<long double>(event.probabilities[i]) * event.probabilities[j] * event.probabilities[k] *
                 std::exp(a * b + b * c + a * c);
      }
    }
  expect_relative(curve->at(2), std::log(second), 1e-12);
  expect_relative(curve->at(3), std::log(third) / 2, 1e-12);
}

TEST(Mixture, OfNothingAndOneRecordIsPoissonSampling) {
  const auto mixed = make_release_rdp(Adjacency::add_remove, MixtureOfGaussians{3, {0, 3}, {0.9, 0.1}});
  for (const double order : {1.0, 1.5, 20.0, 300.0})
    expect_relative(mixed->at(order), subsampled_gaussian_rdp(0.1, 1, order, Direction::remove), 4e-12);
}

// Where adding is the worse direction, the curve follows it: the reference is hit by chance, the record is not.
TEST(Mixture, TakesTheLargerDirection) {
  const MixtureOfGaussians event{1, {0.5, 4}, {0.999, 0.001}};
  const auto curve = make_release_rdp(Adjacency::zero_out, event);
  const auto with = mixture({0.5, 4}, {0.999L, 0.001L}), without = mixture({0}, {1});
  for (const double order : {1.2, 2.0, 6.0}) {
    const long double removed = brute_force_rdp(with, without, order, -40, 60);
    const long double added = brute_force_rdp(without, with, order, -60, 60);
    expect_relative(curve->at(order), std::max(removed, added), 1e-10);
  }
}

TEST(Mixture, ComposedLiesAboveTheExactEpsilonAndNotFar) {
  const RdpAccountant run(Adjacency::add_remove,
                          Composed{{SelfComposed(MixtureOfGaussians{1, {0, 1, 2}, {0.2, 0.6, 0.2}}, 3),
                                    SelfComposed(MixtureOfGaussians{2, {0, 2, 3}, {0.33, 0.34, 0.33}}, 2)}});
  EXPECT_GE(run.epsilon(1e-6), 17.193115 - 1e-4);  // exact, published
  EXPECT_LE(run.epsilon(1e-6), 1.2 * 17.193115);
}

}  // namespace
}  // namespace sotto::privacy

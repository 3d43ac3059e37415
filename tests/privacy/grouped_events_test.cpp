#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>
#include <sotto/privacy/grouped_events.h>

#include <bit>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <limits>

#include "event_samples.h"

namespace sotto::privacy {
namespace {

// Of the hockey sticks below: their integrands have a kink. Halving the steps moves them by less.
constexpr double kGridError = 5e-5;
constexpr Adjacency kAdjacencies[] = {Adjacency::add_remove, Adjacency::zero_out, Adjacency::replace_one};

std::string text(const Event& event) {
  return to_json({.adjacency = Adjacency::add_remove, .unit = {}, .event = event});
}

double normal(double x, double mean, double sd) {
  return std::exp(-(x - mean) * (x - mean) / (2 * sd * sd)) / (sd * std::sqrt(2 * M_PI));
}

struct HockeySticks {
  double remove;  // H(P || Q)
  double add;     // H(Q || P)
};

// By the trapezoidal rule on a fine grid over everything that matters.
HockeySticks hockey_sticks(const MixtureOfGaussians& mixture, double epsilon) {
  HockeySticks sum{0, 0};
  const double sd = mixture.standard_deviation, step = sd / 1000, e = std::exp(epsilon);
  for (double x = -12 * sd; x < mixture.sensitivities.back() + 12 * sd; x += step) {
    double p = 0;
    for (std::size_t i = 0; i < mixture.sensitivities.size(); ++i)
      p += mixture.probabilities[i] * normal(x, mixture.sensitivities[i], sd);
    const double q = normal(x, 0, sd);
    sum.remove += step * std::max(0.0, p - e * q);
    sum.add += step * std::max(0.0, q - e * p);
  }
  return sum;
}

// k records whose contributions are these vectors of the plane, each drawn with probability q: the two data sets
// themselves, one subset of the records after the other.
HockeySticks hockey_sticks(const std::vector<std::pair<double, double>>& records, double q, double sd, double epsilon) {
  HockeySticks sum{0, 0};
  const double step = sd / 30, e = std::exp(epsilon), reach = 9 * sd;
  const unsigned subsets = 1u << records.size();
  std::vector<double> weight(subsets), mean_x(subsets), mean_y(subsets);
  for (unsigned subset = 0; subset < subsets; ++subset) {
    const int drawn = std::popcount(subset);
    weight[subset] = std::pow(q, drawn) * std::pow(1 - q, static_cast<int>(records.size()) - drawn);
    for (std::size_t i = 0; i < records.size(); ++i) {
      if ((subset >> i & 1) == 0) continue;
      mean_x[subset] += records[i].first;
      mean_y[subset] += records[i].second;
    }
  }
  const double largest = static_cast<double>(records.size());
  for (double x = -largest - reach; x < largest + reach; x += step) {
    for (double y = -largest - reach; y < largest + reach; y += step) {
      double with = 0;
      for (unsigned subset = 0; subset < subsets; ++subset)
        with += weight[subset] * normal(x, mean_x[subset], sd) * normal(y, mean_y[subset], sd);
      const double without = normal(x, 0, sd) * normal(y, 0, sd);
      sum.remove += step * step * std::max(0.0, with - e * without);
      sum.add += step * step * std::max(0.0, without - e * with);
    }
  }
  return sum;
}

const MixtureOfGaussians& mixture_of(const Event& event) {
  return std::get<MixtureOfGaussians>(event.variant());
}

TEST(GroupedEvents, OneRecordIsTheIdentity) {
  for (const EventSample& sample : event_samples())
    for (const Adjacency adjacency : kAdjacencies)
      EXPECT_EQ(text(for_group(adjacency, Composed{{SelfComposed(sample.event, 3)}}, 1)),
                text(Composed{{SelfComposed(sample.event, 3)}}))
          << sample.name;
}

TEST(GroupedEvents, PlainReleasesHaveLessNoise) {
  EXPECT_EQ(text(for_group(Adjacency::replace_one, Gaussian{3}, 2)), text(Gaussian{1.5}));
  EXPECT_EQ(text(for_group(Adjacency::add_remove, Laplace{6}, 3)), text(Laplace{2}));
  EXPECT_EQ(text(for_group(Adjacency::zero_out, EpochOnce{5, {8}}, 4)), text(EpochOnce{5, {2}}));
  EXPECT_EQ(text(for_group(Adjacency::replace_one, PoissonSampled{1, {8}}, 4)), text(Gaussian{2}));
  EXPECT_EQ(text(for_group(Adjacency::replace_one, SampledDiscreteGaussian{1, 8}, 4)),
            text(SampledDiscreteGaussian{1, 2}));
  EXPECT_EQ(text(for_group(Adjacency::add_remove, Composed{{SelfComposed(Gaussian{3}, 7), NoOp{}, NonPrivate{}}}, 2)),
            text(Composed{{SelfComposed(Gaussian{1.5}, 7), NoOp{}, NonPrivate{}}}));
}

TEST(GroupedEvents, NoiseIsNeverRoundedUp) {
  for (int64_t k = 2; k <= kLargestGroup; ++k) {
    for (const double noise : {1.0, 1.1, 0.7, 1e-3, 1e300, 3e-320}) {
      const double reduced =
          std::get<Gaussian>(for_group(Adjacency::add_remove, Gaussian{noise}, k).variant()).noise_multiplier;
      EXPECT_LE(static_cast<long double>(reduced) * k, static_cast<long double>(noise));
      EXPECT_GE(std::nextafter(reduced, 1e308), noise / static_cast<double>(k));
    }
  }
}

TEST(GroupedEvents, MixtureIsTheBinomialRoundedToLargerSensitivities) {
  for (const int64_t k : {2, 3, 10, 100, 999, 1000}) {
    for (const double q : {1e-300, 1e-9, 0.01, 0.3, 0.5, 0.9, 1 - 1e-12}) {
      SCOPED_TRACE(testing::Message() << k << ", " << q);
      const Event grouped = for_group(Adjacency::add_remove, PoissonSampled{q, {1.5}}, k);
      EXPECT_NO_THROW(validate(grouped));
      const MixtureOfGaussians& mixture = mixture_of(grouped);
      EXPECT_EQ(mixture.standard_deviation, 1.5);
      EXPECT_EQ(mixture.sensitivities.back(), static_cast<double>(k));  // however small its probability
      const boost::math::binomial_distribution<long double> exact(static_cast<long double>(k), q);
      long double total = 0, above = 0;
      for (std::size_t i = mixture.sensitivities.size(); i-- > 0;) {
        const double j = mixture.sensitivities[i];
        total += mixture.probabilities[i];
        const long double wanted = boost::math::pdf(exact, j);
        if (j == 0) continue;
        if (i > 0) {
          EXPECT_GE(mixture.probabilities[i], wanted) << j;
        }
        above += mixture.probabilities[i];
        // Pr[at least j] is not below the exact one, and hardly above it.
        const long double tail = boost::math::cdf(boost::math::complement(exact, j - 1));
        EXPECT_GE(above, tail * (1 - 1e-14L)) << j;  // the reference itself has about 18 digits
        EXPECT_LE(above, tail * (1 + 1e-11L) + 1e-304L) << j;
      }
      EXPECT_NEAR(static_cast<double>(total), 1, 1e-13);
    }
  }
}

// The mechanism itself, one subset of the records after the other, without the binomial distribution.
TEST(GroupedEvents, MixtureMeetsTheMechanismWhenRecordsPointTheSameWay) {
  for (const int64_t k : {2, 3}) {
    for (const double q : {0.1, 0.6}) {
      for (const double epsilon : {0.0, 0.5, 1.5}) {
        SCOPED_TRACE(testing::Message() << k << ", " << q << ", " << epsilon);
        const std::vector<std::pair<double, double>> records(static_cast<std::size_t>(k), {1, 0});
        const HockeySticks exact = hockey_sticks(records, q, 1.2, epsilon);
        const Event grouped = for_group(Adjacency::zero_out, PoissonSampled{q, {1.2}}, k);
        const HockeySticks ours = hockey_sticks(mixture_of(grouped), epsilon);
        EXPECT_NEAR(ours.remove, exact.remove, kGridError);
        EXPECT_NEAR(ours.add, exact.add, kGridError);
        // One record alone is no substitute: the group loses more.
        const HockeySticks single = hockey_sticks(MixtureOfGaussians{1.2, {0, 1}, {1 - q, q}}, epsilon);
        EXPECT_GT(ours.remove, single.remove + 1e-4);
      }
    }
  }
}

TEST(GroupedEvents, MixtureBoundsTheMechanismWhateverTheDirectionsAndNorms) {
  const std::vector<std::vector<std::pair<double, double>>> groups = {
      {{1, 0}, {0, 1}},   {{1, 0}, {-1, 0}},         {{1, 0}, {0.6, 0.8}},
      {{0.3, 0}, {0, 0}}, {{1, 0}, {0, 1}, {-1, 0}}, {{1, 0}, {0.8, 0.6}, {0.8, -0.6}}};
  for (const auto& records : groups) {
    for (const double epsilon : {0.0, 0.5, 1.5}) {
      const HockeySticks exact = hockey_sticks(records, 0.4, 1, epsilon);
      const Event grouped =
          for_group(Adjacency::add_remove, PoissonSampled{0.4, {1}}, static_cast<int64_t>(records.size()));
      const HockeySticks bound = hockey_sticks(mixture_of(grouped), epsilon);
      EXPECT_LE(exact.remove, bound.remove + kGridError);
      EXPECT_LE(exact.add, bound.add + kGridError);
    }
  }
}

TEST(GroupedEvents, AccountantsAnswerForTheGroup) {
  for (const int64_t k : {2, 3}) {
    const AccountedEvents events{Adjacency::add_remove, {PrivacyUnit::Kind::group, k}, PoissonSampled{0.3, {1.2}}};
    const std::vector<std::pair<double, double>> records(static_cast<std::size_t>(k), {1, 0});
    for (const double epsilon : {0.1, 1.0}) {
      const HockeySticks exact = hockey_sticks(records, 0.3, 1.2, epsilon);
      const Bracket bracket = make_accountant(Method::pld, events)->delta(epsilon);
      EXPECT_LE(bracket.lower, std::max(exact.remove, exact.add) + kGridError);
      EXPECT_GE(bracket.upper, std::max(exact.remove, exact.add) - kGridError);
      EXPECT_LE(bracket.width(), 2e-3);
    }
    const AccountedEvents plain{Adjacency::add_remove, {PrivacyUnit::Kind::group, k}, Gaussian{6}};
    const AccountedEvents single{Adjacency::add_remove, {}, Gaussian{6 / static_cast<double>(k)}};
    EXPECT_EQ(certified_epsilon(plain, 1e-5).bracket.upper, certified_epsilon(single, 1e-5).bracket.upper);
  }
}

// Against the sum of the chain's deltas, term by term in extended precision.
TEST(GroupedEvents, ApproximateReleasesFollowTheChainOfNeighbours) {
  const struct {
    double epsilon, delta;
    int64_t k;
  } rows[] = {{1, 1e-6, 2}, {0.1, 1e-3, 5}, {2, 1e-9, 7}, {1e-12, 1e-5, 1000}, {0, 1e-4, 3}, {1e-310, 1e-4, 3}};
  for (const auto& row : rows) {
    long double sum = 0;
    for (int64_t i = 0; i < row.k; ++i) sum += std::exp(static_cast<long double>(row.epsilon) * i) * row.delta;
    const auto grouped =
        std::get<ApproxDp>(for_group(Adjacency::replace_one, ApproxDp{row.epsilon, row.delta}, row.k).variant());
    EXPECT_GE(static_cast<long double>(grouped.epsilon), static_cast<long double>(row.epsilon) * row.k);
    EXPECT_LE(grouped.epsilon, row.epsilon * static_cast<double>(row.k) * (1 + 1e-15) + 1e-320);
    EXPECT_GE(static_cast<long double>(grouped.delta), sum);
    EXPECT_LE(static_cast<long double>(grouped.delta), sum * (1 + 3e-12L));
  }
  const auto group = [](double epsilon, double delta, int64_t k) {
    return for_group(Adjacency::add_remove, ApproxDp{epsilon, delta}, k);
  };
  EXPECT_EQ(text(group(2, 0, 3)), text(ApproxDp{6, 0}));
  EXPECT_EQ(text(group(1e300, 0, 3)), text(ApproxDp{3e300, 0}));
  EXPECT_EQ(text(group(700, 1e-300, 3)), text(ApproxDp{2100, 1}));
  EXPECT_EQ(text(group(1e300, 5e-324, 2)), text(ApproxDp{2e300, 1}));
  EXPECT_EQ(text(group(0.5, 1, 2)), text(ApproxDp{1, 1}));
  EXPECT_EQ(text(group(1e308, 0, 2)), text(NonPrivate{}));
}

TEST(GroupedEvents, NothingAndNoNoiseStayWhatTheyAre) {
  EXPECT_EQ(text(for_group(Adjacency::replace_one, PoissonSampled{0, {0}}, 5)), text(PoissonSampled{0, {0}}));
  EXPECT_EQ(text(for_group(Adjacency::replace_one, PoissonSampled{0.1, {0}}, 5)), text(NonPrivate{}));
  EXPECT_EQ(text(for_group(Adjacency::add_remove, Gaussian{0}, 5)), text(Gaussian{0}));
}

TEST(GroupedEvents, RefusesWhatHasNoBoundAndSaysWhatIsAllowed) {
  const std::pair<Event, Adjacency> cases[] = {
      {PoissonSampled{0.1, {1}}, Adjacency::replace_one},
      {WithoutReplacement{1, 10, {1}}, Adjacency::replace_one},
      {WithoutReplacement{10, 10, {1}}, Adjacency::replace_one},
      {TruncatedPoisson{0.1, 10, 5, {1}}, Adjacency::add_remove},
      {MixtureOfGaussians{1, {1}, {1}}, Adjacency::zero_out},
      {SampledDiscreteGaussian{0.5, 1}, Adjacency::add_remove},
  };
  for (const auto& [event, adjacency] : cases) {
    try {
      for_group(adjacency, Composed{{SelfComposed(event, 2)}}, 3);
      ADD_FAILURE() << "accepted " << text(event);
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find("for a group of 3 with"), std::string::npos);
      EXPECT_NE(std::string(error.what()).find("; allowed is "), std::string::npos);
    }
  }
  for (const int64_t k : {int64_t{0}, int64_t{-1}, kLargestGroup + 1})
    EXPECT_THROW(for_group(Adjacency::add_remove, NoOp{}, k), UsageError);
  EXPECT_THROW(for_group(Adjacency::add_remove, Gaussian{-1}, 2), UsageError);
}

TEST(GroupedEvents, UnitChoosesTheGroup) {
  const Event event = Gaussian{6};
  const auto unit_of = [&](PrivacyUnit unit) { return text(for_unit({Adjacency::add_remove, unit, event})); };
  EXPECT_EQ(unit_of({}), text(event));
  EXPECT_EQ(unit_of({PrivacyUnit::Kind::user}), text(event));
  EXPECT_EQ(unit_of({PrivacyUnit::Kind::group, 3}), text(Gaussian{2}));
  EXPECT_THROW(for_unit({std::nullopt, {}, event}), UsageError);
  EXPECT_THROW(for_unit({Adjacency::add_remove, {PrivacyUnit::Kind::user, 2}, event}), UsageError);
}

}  // namespace
}  // namespace sotto::privacy

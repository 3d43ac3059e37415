#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/merged_events.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "event_samples.h"

namespace sotto::privacy {
namespace {

constexpr Adjacency kAdjacencies[] = {Adjacency::add_remove, Adjacency::zero_out, Adjacency::replace_one};

bool means_something(const EventSample& sample, Adjacency adjacency) {
  switch (adjacency) {
    case Adjacency::add_remove:
      return sample.under_add_remove;
    case Adjacency::zero_out:
      return sample.under_zero_out;
    case Adjacency::replace_one:
      return sample.under_replace_one;
  }
  return false;
}

std::vector<double> numbers_of(const SingleRelease& release) {
  struct Numbers {
    std::vector<double> operator()(const PoissonSampled& e) { return {e.sampling_rate, e.mechanism.noise_multiplier}; }
    std::vector<double> operator()(const WithoutReplacement& e) {
      return {double(e.batch_size), double(e.dataset_size), e.mechanism.noise_multiplier};
    }
    std::vector<double> operator()(const TruncatedPoisson& e) {
      return {e.sampling_rate, double(e.dataset_size), double(e.largest_batch), e.mechanism.noise_multiplier};
    }
    std::vector<double> operator()(const MixtureOfGaussians& e) {
      std::vector<double> all = {e.standard_deviation};
      all.insert(all.end(), e.sensitivities.begin(), e.sensitivities.end());
      all.insert(all.end(), e.probabilities.begin(), e.probabilities.end());
      return all;
    }
    std::vector<double> operator()(const Laplace& e) { return {e.noise_multiplier}; }
    std::vector<double> operator()(const ApproxDp& e) { return {e.epsilon, e.delta}; }
    std::vector<double> operator()(const SampledDiscreteGaussian& e) { return {e.sampling_rate, e.noise_multiplier}; }
  };
  return std::visit(Numbers{}, release);
}

void expect_equal(const MergedEvents& a, const MergedEvents& b) {
  EXPECT_EQ(a.non_private, b.non_private);
  EXPECT_EQ(a.squared_gaussian_mean, b.squared_gaussian_mean);
  ASSERT_EQ(a.terms.size(), b.terms.size());
  for (std::size_t i = 0; i < a.terms.size(); ++i) {
    EXPECT_EQ(a.terms[i].event.index(), b.terms[i].event.index());
    EXPECT_EQ(numbers_of(a.terms[i].event), numbers_of(b.terms[i].event));
    EXPECT_EQ(a.terms[i].count, b.terms[i].count);
  }
}

TEST(MergedEvents, SelfComposedEqualsALoopForEveryEvent) {
  for (const EventSample& sample : event_samples()) {
    for (const Adjacency adjacency : kAdjacencies) {
      if (!means_something(sample, adjacency)) continue;
      SCOPED_TRACE(sample.name + " under " + std::string(to_string(adjacency)));
      for (const int64_t k : {0, 1, 2, 3, 7, 1000}) {
        Composed loop;
        for (int64_t i = 0; i < k; ++i) loop.events.push_back(sample.event);
        expect_equal(merge(adjacency, SelfComposed(sample.event, k)), merge(adjacency, loop));
      }
      const MergedEvents once = merge(adjacency, sample.event), often = merge(adjacency, SelfComposed(sample.event, 9));
      // What was released is there, and the count with it.
      EXPECT_EQ(once.empty(), sample.name == "no_op");
      for (const MergedEvents::Term& term : often.terms) EXPECT_EQ(term.count, 9);
      EXPECT_NEAR(often.squared_gaussian_mean, 9 * once.squared_gaussian_mean, 1e-12 * often.squared_gaussian_mean);
    }
  }
}

TEST(MergedEvents, OrderAndNestingAreIrrelevant) {
  std::mt19937_64 random(5);
  for (const Adjacency adjacency : kAdjacencies) {
    std::vector<Event> events;
    for (const EventSample& sample : event_samples())
      if (means_something(sample, adjacency))
        for (int i = 0; i < 4; ++i) events.push_back(sample.event);
    events.push_back(Gaussian{0.3});
    const MergedEvents sorted = merge(adjacency, Composed{events});
    for (int i = 0; i < 20; ++i) {
      std::shuffle(events.begin(), events.end(), random);
      const std::size_t cut = random() % events.size();
      const auto middle = events.begin() + static_cast<std::ptrdiff_t>(cut);
      Composed nested{{Composed{{events.begin(), middle}}, SelfComposed(Composed{{middle, events.end()}}, 1)}};
      expect_equal(merge(adjacency, nested), sorted);
    }
  }
}

TEST(MergedEvents, CountsMultiplyThroughNestingAndEpochs) {
  const Event nested = SelfComposed(Composed{{SelfComposed(Laplace{2}, 3), Laplace{2}}}, 5);
  const MergedEvents merged = merge(Adjacency::add_remove, nested);
  ASSERT_EQ(merged.terms.size(), 1u);
  EXPECT_EQ(merged.terms[0].count, 20);
  const MergedEvents epochs = merge(Adjacency::zero_out, SelfComposed(EpochOnce{7, {2}}, 3));
  EXPECT_DOUBLE_EQ(epochs.squared_gaussian_mean, 21.0 / 4);
  EXPECT_TRUE(merge(Adjacency::add_remove, SelfComposed(SelfComposed(NonPrivate{}, 0), kMaxCount)).empty());
}

TEST(MergedEvents, ReleasesWithoutSamplingAreOneGaussian) {
  const Composed events{{Gaussian{2}, PoissonSampled{1, {2}}, EpochOnce{2, {2}}}};
  EXPECT_DOUBLE_EQ(merge(Adjacency::zero_out, events).squared_gaussian_mean, 1);  // 4 times 1/4
  EXPECT_DOUBLE_EQ(merge(Adjacency::replace_one, events).squared_gaussian_mean, 4);
  EXPECT_DOUBLE_EQ(merge(Adjacency::replace_one, WithoutReplacement{10, 10, {2}}).squared_gaussian_mean, 1);
  EXPECT_TRUE(merge(Adjacency::zero_out, events).terms.empty());
}

TEST(MergedEvents, ABatchLimitThatCannotBeReachedIsNone) {
  const MergedEvents merged =
      merge(Adjacency::add_remove, Composed{{TruncatedPoisson{0.1, 50, 50, {1}}, PoissonSampled{0.1, {1}}}});
  ASSERT_EQ(merged.terms.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<PoissonSampled>(merged.terms[0].event));
  EXPECT_EQ(merged.terms[0].count, 2);
  EXPECT_TRUE(std::holds_alternative<TruncatedPoisson>(
      merge(Adjacency::add_remove, TruncatedPoisson{0.1, 51, 50, {1}}).terms.at(0).event));
}

TEST(MergedEvents, NothingReleasedIsEmpty) {
  for (const Event& event :
       {Event(NoOp{}), Event(Composed{}), Event(SelfComposed(Gaussian{0}, 0)), Event(PoissonSampled{0, {0}}),
        Event(TruncatedPoisson{0, 10, 5, {0}}), Event(MixtureOfGaussians{1, {0, 0}, {0.5, 0.5}}), Event(ApproxDp{0, 0}),
        Event(SampledDiscreteGaussian{0, 0})})
    EXPECT_TRUE(merge(Adjacency::add_remove, event).empty());
  EXPECT_TRUE(merge(Adjacency::zero_out, EpochOnce{0, {0}}).empty());
}

TEST(MergedEvents, ReleasesWithoutNoiseAreNotPrivate) {
  for (const Event& event : {Event(NonPrivate{}), Event(Gaussian{0}), Event(PoissonSampled{1e-300, {0}}),
                             Event(TruncatedPoisson{0.1, 10, 5, {0}}), Event(Laplace{0}),
                             Event(SampledDiscreteGaussian{1, 0}), Event(SampledDiscreteGaussian{1e-300, 0})})
    EXPECT_TRUE(merge(Adjacency::add_remove, SelfComposed(Composed{{NoOp{}, event}}, 2)).non_private);
  EXPECT_TRUE(merge(Adjacency::replace_one, WithoutReplacement{1, 10, {0}}).non_private);
  EXPECT_TRUE(merge(Adjacency::zero_out, EpochOnce{1, {0}}).non_private);
}

// Whatever the adjacency does not cover is refused, wherever it is in the tree, and the message says what is allowed.
TEST(MergedEvents, RefusalsNameTheAdjacencyThatIsAllowed) {
  for (const EventSample& sample : event_samples()) {
    for (const Adjacency adjacency : kAdjacencies) {
      SCOPED_TRACE(sample.name + " under " + std::string(to_string(adjacency)));
      const Event deep = Composed{{NoOp{}, SelfComposed(Composed{{sample.event}}, 2)}};
      if (means_something(sample, adjacency)) {
        EXPECT_NO_THROW(merge(adjacency, deep));
        continue;
      }
      try {
        merge(adjacency, deep);
        ADD_FAILURE() << "accepted";
      } catch (const UsageError& error) {
        const std::string what = error.what();
        EXPECT_NE(what.find("under adjacency " + std::string(to_string(adjacency)) + "; allowed is"),
                  std::string::npos);
        for (const Adjacency other : kAdjacencies) {
          const bool named = what.find(to_string(other), what.find("allowed is")) != std::string::npos;
          EXPECT_EQ(named, means_something(sample, other)) << what;
        }
      }
    }
  }
}

TEST(MergedEvents, CountsBeyondADoubleAreNotPrivateAndNeverNan) {
  const std::pair<Adjacency, Event> cases[] = {
      {Adjacency::add_remove, Gaussian{1}},
      {Adjacency::add_remove, Gaussian{std::numeric_limits<double>::max()}},
      {Adjacency::add_remove, PoissonSampled{1e-300, {1e300}}},
      {Adjacency::replace_one, WithoutReplacement{1, kMaxCount, {1}}},
      {Adjacency::add_remove, TruncatedPoisson{1e-300, 2, 1, {1}}},
      {Adjacency::zero_out, EpochOnce{kMaxCount, {1}}},
      {Adjacency::add_remove, MixtureOfGaussians{1, {1}, {1}}},
      {Adjacency::add_remove, Laplace{1e300}},
      {Adjacency::add_remove, ApproxDp{1e-300, 0}},
  };
  for (const auto& [adjacency, event] : cases) {
    Event often = event;
    for (int level = 0; level < kDeepestEvent; ++level) often = SelfComposed(often, kMaxCount);
    const MergedEvents merged = merge(adjacency, often);
    EXPECT_TRUE(merged.non_private);
    EXPECT_TRUE(std::isfinite(merged.squared_gaussian_mean));
    for (const MergedEvents::Term& term : merged.terms) EXPECT_TRUE(std::isfinite(term.count));
    const Event never = SelfComposed(SelfComposed(event, kMaxCount), 0);
    EXPECT_TRUE(merge(adjacency, never).empty());
  }
  Event nothing = NoOp{};
  for (int level = 0; level < kDeepestEvent; ++level) nothing = SelfComposed(nothing, kMaxCount);
  EXPECT_TRUE(merge(Adjacency::add_remove, nothing).empty());
}

// 2^53 + 1 is no double: rounding to the nearest would lose every further release.
TEST(MergedEvents, CountsBeyondTheIntegersOfADoubleAreRoundedUp) {
  Composed events{{SelfComposed(Laplace{1}, kMaxCount)}};
  for (int i = 0; i < 1001; ++i) events.events.push_back(Laplace{1});
  const double count = merge(Adjacency::add_remove, events).terms.at(0).count;
  EXPECT_GE(count - 0x1p53, 1001);
  // (2^53 - 1)^2 = 2^106 - 2^54 + 1, whose nearest double lacks the 1.
  const Event squared = SelfComposed(SelfComposed(Laplace{1}, kMaxCount - 1), kMaxCount - 1);
  EXPECT_GT(merge(Adjacency::add_remove, squared).terms.at(0).count, 0x1p106 - 0x1p54);
}

TEST(MergedEvents, NoiseWhoseSquareOverflowsIsNotLost) {
  for (const double noise : {1e155, 1e200, 1e308}) {
    for (const Adjacency adjacency : kAdjacencies) {
      EXPECT_GT(merge(adjacency, Gaussian{noise}).squared_gaussian_mean, 0);
      EXPECT_FALSE(merge(adjacency, Gaussian{noise}).empty());
      EXPECT_EQ(merge(adjacency, PoissonSampled{0.1, {noise}}).terms.size(), 1u);
    }
    EXPECT_GT(merge(Adjacency::add_remove, SelfComposed(Gaussian{noise}, 1000)).squared_gaussian_mean, 0);
  }
  // (2^53)^2 releases with noise 2^53 * 1e150: their mean is 1e-150, whose square is a double, unlike that of the
  // noise.
  const Event many = SelfComposed(SelfComposed(Gaussian{0x1p53 * 1e150}, kMaxCount), kMaxCount);
  EXPECT_NEAR(merge(Adjacency::add_remove, many).squared_gaussian_mean * 1e300, 1, 1e-12);
}

// A naive sum keeps losing half a unit of 1: it would stay 1.
TEST(MergedEvents, ManySmallGaussiansAreNotLostBesideALargeOne) {
  Composed run{{Gaussian{1}}};
  for (int i = 0; i < 1000; ++i) run.events.push_back(Gaussian{0x1p27 + i});  // each 2^-54, nearly
  EXPECT_NEAR(merge(Adjacency::add_remove, run).squared_gaussian_mean - 1, 1000 * 0x1p-54, 0x1p-52);
}

}  // namespace
}  // namespace sotto::privacy

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>
#include <sotto/privacy/merged_events.h>
#include <sotto/privacy/privacy_odometer.h>
#include <sotto/privacy/rdp_accountant.h>

#include <cmath>

namespace sotto::privacy {
namespace {

PrivacyOdometer odometer(const Event& start = NoOp{}) {
  return PrivacyOdometer({Adjacency::add_remove, {}, start}, Method::rdp);
}

TEST(PrivacyOdometer, RunningEpsilonIsThatOfEverythingSoFar) {
  PrivacyOdometer running = odometer();
  EXPECT_EQ(running.epsilon(1e-5), 0);
  Composed all;
  for (const Event& event :
       {Event(PoissonSampled{0.01, {1}}), Event(Gaussian{10}), Event(PoissonSampled{0.01, {1}}),
        Event(SelfComposed(PoissonSampled{0.02, {2}}, 100)), Event(Composed{{Gaussian{10}, NoOp{}}})}) {
    const double before = running.epsilon(1e-5);
    running.add(event);
    all.events.push_back(event);
    EXPECT_DOUBLE_EQ(running.epsilon(1e-5), RdpAccountant(Adjacency::add_remove, all).epsilon(1e-5));
    EXPECT_GT(running.epsilon(1e-5), before);
  }
  EXPECT_NEAR(
      [] {
        PrivacyOdometer published = odometer();
        for (int i = 0; i < 1000; ++i) published.add(PoissonSampled{0.01, {1}});
        return published.epsilon(1e-5);
      }(),
      2.10132, 5e-6);
}

TEST(PrivacyOdometer, EqualReleasesAreCounted) {
  PrivacyOdometer running = odometer(SelfComposed(PoissonSampled{0.1, {1}}, 3));
  running.add(Gaussian{2});
  running.add(Composed{{PoissonSampled{0.1, {1}}, SelfComposed(Gaussian{2}, 4), SelfComposed(NonPrivate{}, 0)}});
  EXPECT_EQ(to_json(running.events()),
            to_json({Adjacency::add_remove,
                     {},
                     Composed{{SelfComposed(PoissonSampled{0.1, {1}}, 4), SelfComposed(Gaussian{2}, 5)}}}));
}

TEST(PrivacyOdometer, CountsBeyondTheLargestAreNotLost) {
  PrivacyOdometer running({Adjacency::add_remove, {}, SelfComposed(Laplace{2}, kMaxCount)}, Method::pld);
  running.add(SelfComposed(Laplace{2}, 5));
  running.add(Laplace{2});
  const MergedEvents merged = merge(Adjacency::add_remove, running.events().event);
  ASSERT_EQ(merged.terms.size(), 1u);
  EXPECT_EQ(merged.terms[0].count, 0x1p53 + 6);
}

TEST(PrivacyOdometer, RefusedReleaseIsNotAdded) {
  PrivacyOdometer running = odometer(Gaussian{2});
  const std::string before = to_json(running.events());
  for (const Event& event : {Event(Gaussian{}), Event(Composed{{Gaussian{1}, Gaussian{-1}}}),
                             Event(Composed{{Gaussian{1}, EpochOnce{1, {1}}}})}) {
    EXPECT_THROW(running.add(event), UsageError);
    EXPECT_EQ(to_json(running.events()), before);
  }
}

TEST(PrivacyOdometer, RefusesWhatItsMethodCannotAccountFor) {
  PrivacyOdometer gaussian({Adjacency::add_remove, {}, Gaussian{2}}, Method::gaussian);
  gaussian.add(PoissonSampled{1, {2}});
  EXPECT_THROW(gaussian.add(PoissonSampled{0.5, {2}}), UsageError);
  EXPECT_NEAR(gaussian.epsilon(1e-6),
              PrivacyOdometer({Adjacency::add_remove, {}, Gaussian{std::sqrt(2)}}, Method::gaussian).epsilon(1e-6),
              1e-9);
}

TEST(PrivacyOdometer, UnitIsAccounted) {
  const AccountedEvents start{Adjacency::add_remove, {PrivacyUnit::Kind::group, 2}, Gaussian{10}};
  EXPECT_DOUBLE_EQ(PrivacyOdometer(start, Method::rdp).epsilon(1e-5), odometer(Gaussian{5}).epsilon(1e-5));
  PrivacyOdometer group(start, Method::rdp);
  EXPECT_THROW(group.add(TruncatedPoisson{0.1, 10, 5, {1}}), UsageError);  // no bound for a group
}

TEST(PrivacyOdometer, RefusesAStartWithoutMeaning) {
  EXPECT_THROW(PrivacyOdometer({std::nullopt, {}, NoOp{}}, Method::rdp), UsageError);
  EXPECT_THROW(PrivacyOdometer({Adjacency::add_remove, {PrivacyUnit::Kind::user, 2}, NoOp{}}, Method::rdp), UsageError);
  EXPECT_THROW(odometer(Gaussian{}), UsageError);
}

}  // namespace
}  // namespace sotto::privacy

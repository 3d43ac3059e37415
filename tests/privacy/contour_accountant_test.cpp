#include <gtest/gtest.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/contour_accountant.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp_accountant.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "golden_table.h"

namespace sotto::privacy {
namespace {

Phases events(const GoldenRow& row) {
  Phases result;
  const auto q = row.numbers("q"), sigma = row.numbers("sigma"), steps = row.numbers("T");
  for (std::size_t i = 0; i < std::max({q.size(), sigma.size(), steps.size()}); ++i) {
    const auto at = [i](const std::vector<double>& values) { return values[std::min(i, values.size() - 1)]; };
    result.push_back({{at(q), {at(sigma)}}, static_cast<std::int64_t>(at(steps))});
  }
  return result;
}

Phases steps(double rate, double noise, std::int64_t count) {
  return {{{rate, {noise}}, count}};
}

bool refused(const std::function<void()>& query) {
  try {
    query();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("no bracket can be certified"), std::string::npos) << error.what();
    return true;
  }
  return false;
}

TEST(ContourAccountant, BracketsTheGoldenRowsOrRefuses) {
  int certified = 0;
  for (const GoldenRow& row : read_golden("golden_composed.csv")) {
    const ContourAccountant accountant(Adjacency::add_remove, events(row));
    const std::map<std::string, Direction> directions = {{"eps_remove", Direction::remove},
                                                         {"eps_add", Direction::add}};
    for (const auto& [column, direction] : directions) {
      if (row.text(column).empty()) continue;
      SCOPED_TRACE(row.text("label") + " " + column);
      Bracket found;
      if (refused([&] { found = accountant.epsilon(row.number("delta"), direction); })) continue;
      ++certified;
      const double tolerance = row.number("tol");
      EXPECT_LE(found.lower, row.number(column) + tolerance);
      EXPECT_GE(found.upper, row.number(column) - tolerance);
      // Where inclusions are fewer still, the PLD is the narrower engine.
      const bool rare = row.numbers("T").front() * row.numbers("q").front() < 0.5;
      EXPECT_LE(found.width(), rare ? 1e-2 : tolerance >= 1e-6 ? 1e-5 : 1e-6);
    }
  }
  EXPECT_GE(certified, 26) << "most rows are within this engine's reach";
}

TEST(ContourAccountant, MeetsTheExactGaussian) {
  for (const double noise : {0.5, 1.0, 10.0}) {
    for (const double delta : {1e-3, 1e-6, 1e-15, 1e-40}) {
      const Bracket found = ContourAccountant(Adjacency::add_remove, steps(1, noise, 7)).epsilon(delta);
      const double exact = gaussian_epsilon(std::sqrt(7.0) / noise, delta);
      EXPECT_LE(found.lower, exact * (1 + 1e-12));
      EXPECT_GE(found.upper, exact * (1 - 1e-12));
      EXPECT_LE(found.width(), 1e-6 * std::max(1.0, exact));
    }
  }
}

TEST(ContourAccountant, DeltaAndEpsilonAreInverse) {
  const ContourAccountant accountant(Adjacency::add_remove, steps(0.01, 1, 3000));
  for (const double delta : {1e-3, 1e-5, 1e-9, 1e-20}) {
    const Bracket epsilon = accountant.epsilon(delta);
    EXPECT_GE(accountant.delta(epsilon.lower).upper, delta * (1 - 1e-9));
    EXPECT_LE(accountant.delta(epsilon.upper).lower, delta * (1 + 1e-9));
    EXPECT_NEAR(accountant.delta(epsilon.upper).upper, delta, 1e-6 * delta);
  }
}

TEST(ContourAccountant, IsBelowTheRenyiBoundAndGrowsWithTheSteps) {
  double last = 0;
  for (const std::int64_t count : {1000, 10000, 100000, 1000000, 1000000000}) {
    const Phases run = steps(0.01, 4, count);
    const Bracket found = ContourAccountant(Adjacency::zero_out, run).epsilon(1e-6);
    EXPECT_LE(found.lower, found.upper);
    EXPECT_GT(found.lower, last) << count;
    EXPECT_LE(found.upper, RdpAccountant(Adjacency::zero_out, run).epsilon(1e-6)) << count;
    EXPECT_LE(found.width(), 1e-6 * found.upper) << count;
    last = found.upper;
  }
}

TEST(ContourAccountant, MergesEqualEventsAndIgnoresTheirOrder) {
  const Phases apart = {{{0.02, {2}}, 300}, {{0.05, {3}}, 200}, {{0.02, {2}}, 700}, {{1, {30}}, 4}};
  const Phases merged = {{{1, {30}}, 4}, {{0.05, {3}}, 200}, {{0.02, {2}}, 1000}};
  const Bracket a = ContourAccountant(Adjacency::add_remove, apart).epsilon(1e-6);
  const Bracket b = ContourAccountant(Adjacency::add_remove, merged).epsilon(1e-6);
  EXPECT_EQ(a.lower, b.lower);
  EXPECT_EQ(a.upper, b.upper);
}

TEST(ContourAccountant, NothingReleasedIsNothingSpent) {
  for (const Phases& run : {Phases{}, steps(0, 1, 100), steps(0.1, 1, 0)}) {
    EXPECT_EQ(ContourAccountant(Adjacency::add_remove, run).epsilon(1e-5).upper, 0);
    EXPECT_EQ(ContourAccountant(Adjacency::add_remove, run).delta(1).upper, 0);
  }
}

// So much noise that its square overflows, and so many steps that integers would, are still something.
TEST(ContourAccountant, TheSmallestAndTheLargestReleasesAreNotLost) {
  Bracket found{1, 1};
  refused([&] { found = ContourAccountant(Adjacency::add_remove, steps(1, 1e170, 1)).delta(0); });
  EXPECT_GT(found.upper, 0);
  const Phases many(2000, {{0.01, {1e9}}, kMaxCount});
  found = {1, 1};
  refused([&] { found = ContourAccountant(Adjacency::add_remove, many).epsilon(1e-5); });
  EXPECT_GT(found.upper, 0);
}

TEST(ContourAccountant, RefusesWhatItCannotCertify) {
  const auto ask = [](double rate, double noise, std::int64_t count) {
    return refused([&] { ContourAccountant(Adjacency::add_remove, steps(rate, noise, count)).epsilon(1e-9); });
  };
  EXPECT_TRUE(ask(1e-6, 0.4, 10));
  EXPECT_TRUE(ask(1e-6, 50, 10));
  EXPECT_THROW(ContourAccountant(Adjacency::replace_one, steps(0.1, 1, 1)), UsageError);
  EXPECT_THROW(ContourAccountant(Adjacency::add_remove, steps(0.1, 0.001, 1)), UsageError);
  EXPECT_THROW(ContourAccountant(Adjacency::add_remove, steps(0.1, 1, 10)).epsilon(0), UsageError);
  EXPECT_THROW(ContourAccountant(Adjacency::add_remove, steps(0.1, 1, 10)).delta(-1), UsageError);
}

}  // namespace
}  // namespace sotto::privacy

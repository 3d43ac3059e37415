#include <gtest/gtest.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/grouped_events.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "golden_table.h"

namespace sotto::privacy {
namespace {

AccountedEvents run(double rate, double noise, std::int64_t steps) {
  return {Adjacency::add_remove, {}, Phases{{{rate, {noise}}, steps}}};
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

// Width 1e-6, or 1e-5 where the table itself is no better.
TEST(CertifiedEpsilon, MeetsTheGoldenTable) {
  for (const GoldenRow& row : read_golden("golden_composed.csv")) {
    SCOPED_TRACE(row.text("label"));
    const auto q = row.numbers("q"), sigma = row.numbers("sigma"), steps = row.numbers("T");
    Phases phases;
    for (std::size_t i = 0; i < q.size(); ++i) phases.push_back({{q[i], {sigma[i]}}, std::llround(steps[i])});
    const double tolerance = row.number("tol");
    const double width = tolerance >= 1e-6 ? 1e-5 : 1e-6;
    const CertifiedBracket found =
        certified_epsilon({Adjacency::add_remove, {}, phases}, row.number("delta"), {width, 1});
    EXPECT_LE(found.bracket.lower, row.number("eps_max") + tolerance + 1e-14 * row.number("eps_max"));
    EXPECT_GE(found.bracket.upper, row.number("eps_max") - tolerance - 1e-14 * row.number("eps_max"));
    EXPECT_LE(found.bracket.width(), width);
  }
}

TEST(CertifiedEpsilon, NamesTheEngineAndStaysWithinEach) {
  const CertifiedBracket common = certified_epsilon(run(0.01, 1, 10000), 1e-5);
  EXPECT_EQ(common.method, Method::contour);
  for (const Method method : {Method::pld, Method::contour, Method::rdp}) {
    const Bracket one = make_accountant(method, run(0.01, 1, 10000))->epsilon(1e-5);
    EXPECT_GE(common.bracket.lower, one.lower);
    EXPECT_LE(common.bracket.upper, one.upper);
  }
  EXPECT_EQ(certified_epsilon(run(1e-6, 0.4, 10), 1e-9).method, Method::pld);
  EXPECT_EQ(certified_epsilon(run(1, 5, 10), 1e-9).method, Method::gaussian);
}

// The contour integral takes no noise multiplier below 0.02; sampled seldom and often.
TEST(CertifiedEpsilon, AnEngineThatRefusesTheReleasesIsLeftOut) {
  for (const double rate : {0.001, 0.1, 0.5}) {
    const CertifiedBracket found = certified_epsilon(run(rate, 0.015, 1000), 1e-5);
    EXPECT_TRUE(std::isfinite(found.bracket.upper));
    EXPECT_EQ(std::ranges::count(found.methods, Method::contour), 0);
  }
}

TEST(CertifiedEpsilon, EnginesThatContradictEachOtherAreAnErrorAndNoNumber) {
  const CertifiedBracket best{{1, 2}, Method::contour, {Method::contour}};
  const CertifiedBracket both = combine(best, Method::pld, {1.5, 3});
  EXPECT_EQ(both.bracket.lower, 1.5);
  EXPECT_EQ(both.bracket.upper, 2);
  EXPECT_EQ(both.method, Method::contour);
  EXPECT_EQ(combine(best, Method::pld, {0.5, 1.2}).method, Method::pld);
  for (const Bracket& apart : {Bracket{2.1, 3}, Bracket{0, 0.9}}) {
    try {
      combine(best, Method::pld, apart);
      ADD_FAILURE() << apart.lower;
    } catch (const InternalError& error) {
      EXPECT_NE(std::string(error.what()).find("contour says [1, 2], pld says ["), std::string::npos) << error.what();
    }
  }
}

TEST(GaussianMethod, HoldsThePublishedValues) {
  const struct {
    double noise, delta, epsilon;
  } rows[] = {{1, 1e-5, 4.377178095681225},    {0.5, 1e-6, 10.99715121422065}, {4, 1e-5, 0.9263415039982294},
              {10, 1e-3, 0.1975339732397104},  {0.01, 1e-5, 5425.50984614743}, {1, 1e-100, 21.62750809364838},
              {100, 1e-9, 0.04886639301570327}};
  for (const auto& row : rows) {
    const auto accountant = make_accountant(Method::gaussian, {Adjacency::add_remove, {}, Gaussian{row.noise}});
    const Bracket found = accountant->epsilon(row.delta);
    EXPECT_LE(found.lower, row.epsilon * (1 + 1e-12));
    EXPECT_GE(found.upper, row.epsilon * (1 - 1e-12));
    EXPECT_LE(found.width(), 1e-9 * row.epsilon);
    const Bracket delta = accountant->delta(row.epsilon);
    EXPECT_LE(delta.lower, row.delta);
    EXPECT_GE(delta.upper, row.delta);
  }
}

TEST(GaussianMethod, DeltaIsNeverZero) {
  EXPECT_GT(make_accountant(Method::gaussian, run(1, 1, 1))->delta(100).upper, 0);
}

TEST(CertifiedEpsilon, LittleNoiseIsLeftToTheEnginesThatTakeIt) {
  EXPECT_NE(why_unsupported(Method::contour, run(0.5, 0.01, 1)), std::nullopt);
  const Bracket found = certified_epsilon(run(0.5, 0.01, 1), 1e-5, {1, 1}).bracket;
  EXPECT_LE(found.lower, 5409.074840046311);
  EXPECT_GE(found.upper, 5409.074840046311);
}

TEST(Accountant, AdjacencyIsMandatory) {
  EXPECT_NE(message_of([] { make_accountant(Method::rdp, {}); }).find("adjacency is not set"), std::string::npos);
  EXPECT_NE(message_of([] { certified_epsilon({}, 1e-5); }).find("adjacency is not set"), std::string::npos);
}

TEST(Accountant, SaysWhatAMethodCannotDoAndWhichCan) {
  const AccountedEvents replaced{Adjacency::replace_one, {}, PoissonSampled{0.1, {1}}};
  const std::string message = message_of([&] { make_accountant(Method::contour, replaced); });
  EXPECT_NE(message.find("contour"), std::string::npos) << message;
  EXPECT_NE(message.find("allowed here: pld"), std::string::npos) << message;
  EXPECT_TRUE(why_unsupported(Method::gaussian, replaced).has_value());
  EXPECT_FALSE(why_unsupported(Method::pld, replaced).has_value());
}

TEST(Accountant, AGroupIsAccountedAsItsEvents) {
  AccountedEvents group = run(0.05, 4, 100);
  group.unit = {PrivacyUnit::Kind::group, 3};
  const AccountedEvents written{Adjacency::add_remove, {}, for_group(Adjacency::add_remove, group.event, 3)};
  const Bracket found = certified_epsilon(group, 1e-6).bracket;
  EXPECT_EQ(found.upper, certified_epsilon(written, 1e-6).bracket.upper);
  EXPECT_GT(found.lower, certified_epsilon(run(0.05, 4, 100), 1e-6).bracket.upper);
  AccountedEvents user = run(0.05, 4, 100);
  user.unit = {PrivacyUnit::Kind::user, 1};
  EXPECT_EQ(certified_epsilon(user, 1e-6).bracket.upper, certified_epsilon(run(0.05, 4, 100), 1e-6).bracket.upper);
}

TEST(Accountant, MethodNamesRoundTrip) {
  for (const Method method : kMethods) EXPECT_EQ(parse_method(to_string(method)), method);
  EXPECT_THROW(parse_method("prv"), UsageError);
}

// Replace-one without sampling moves the sum by twice the clip norm.
TEST(Accountant, ReplaceOneDoublesTheSensitivityOfAPlainGaussian) {
  const AccountedEvents events{Adjacency::replace_one, {}, Gaussian{5}};
  for (const Method method : {Method::gaussian, Method::pld}) {
    const Bracket found = make_accountant(method, events)->epsilon(1e-6);
    const double exact = gaussian_epsilon(2.0 / 5, 1e-6);
    EXPECT_LE(found.lower, exact * (1 + 1e-12));
    EXPECT_GE(found.upper, exact * (1 - 1e-12));
  }
}

}  // namespace
}  // namespace sotto::privacy

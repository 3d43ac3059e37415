// Random questions over the whole input domain, absurd corners included: no crash, no hang, never NaN, never negative,
// and monotone. A million points by default; SOTTO_FUZZ_POINTS asks for more.

#include <gtest/gtest.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/conversion.h>
#include <sotto/privacy/pure_rdp.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/privacy/subsampled_delta.h>
#include <sotto/privacy/without_replacement_rdp.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// `share` of the points asked for.
int64_t points(double share) {
  const char* text = std::getenv("SOTTO_FUZZ_POINTS");
  const double total = text ? std::strtod(text, nullptr) : 1e6;
  return static_cast<int64_t>(share * total);
}

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}
  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  double log_uniform(double low, double high) { return std::clamp(low * std::pow(high / low, uniform()), low, high); }
  // Half of the time out of the range that is used in earnest, half out of all that is accepted.
  double either(double low, double high, double least, double most) {
    if (uniform() < 0.5) return log_uniform(low, high);
    return std::clamp(std::exp(std::log(least) + uniform() * (std::log(most) - std::log(least))), least, most);
  }
  double rate() { return uniform() < 0.05 ? 1 - log_uniform(1e-16, 1) : either(1e-7, 1, 1e-307, 1); }
  double noise() { return either(0.1, 100, 1e-300, 1e300); }
  double delta() { return either(1e-12, 0.1, 1e-307, 0.999999); }
  double order() { return 1 + either(1e-3, 1e3, 1e-15, 1e15); }
  double epsilon() { return either(1e-3, 100, 1e-300, 1e300); }
  int64_t count() { return static_cast<int64_t>(log_uniform(1, 9007199254740992.0)); }

 private:
  std::mt19937_64 random_;
};

// value in [0, most], and not above `larger`, which has a larger argument, beyond rounding.
void check(const char* what, double value, double larger, double tolerance, double most = kInfinity,
           double slack = 1e-290) {
  EXPECT_TRUE(value >= 0 && value <= most) << what << " " << value;
  EXPECT_TRUE(value <= larger * (1 + tolerance) + slack) << what << " " << value << " above " << larger;
}

TEST(RdpFuzz, Conversions) {
  Draw draw(1);
  const int64_t total = points(0.3);
  for (int64_t i = 0; i < total; ++i) {
    const double rdp = draw.either(1e-6, 100, 1e-300, 1e300), order = draw.order(), delta = draw.delta(),
                 epsilon = draw.epsilon(), more = 1 + draw.log_uniform(1e-9, 10);
    if (order == 1) continue;
    SCOPED_TRACE(testing::Message() << rdp << ", " << order << ", " << delta << ", " << epsilon << ", " << more);
    for (const Conversion conversion : {Conversion::standard, Conversion::asoodeh}) {
      const double here = epsilon_at_order(rdp, order, delta, conversion);
      check("epsilon in rdp", here, epsilon_at_order(rdp * more, order, delta, conversion), 1e-12);
      check("epsilon in delta", epsilon_at_order(rdp, order, std::min(delta * more, 0.9999999), conversion), here,
            1e-12);
      const double there = delta_at_order(rdp, order, epsilon, conversion);
      check("delta in rdp", there, delta_at_order(rdp * more, order, epsilon, conversion), 1e-10, 1);
      if (order * epsilon * more < 1e300)
        check("delta in epsilon", delta_at_order(rdp, order, std::min(epsilon * more, 1e305), conversion), there, 1e-10,
              1);
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RdpFuzz, ClosedForms) {
  Draw draw(2);
  const int64_t total = points(0.3);
  for (int64_t i = 0; i < total; ++i) {
    const double mu = draw.either(1e-3, 100, 1e-300, 1e150), epsilon = draw.epsilon(), delta = draw.delta(),
                 order = draw.order(), more = 1 + draw.log_uniform(1e-9, 10);
    SCOPED_TRACE(testing::Message() << mu << ", " << epsilon << ", " << delta << ", " << order << ", " << more);
    check("gaussian delta in mu", gaussian_delta(mu, epsilon), gaussian_delta(mu * more, epsilon), 1e-10, 1);
    check("gaussian delta in epsilon", gaussian_delta(mu, std::min(epsilon * more, 1e305)), gaussian_delta(mu, epsilon),
          1e-10, 1);
    const double scale = draw.noise();
    check("laplace", laplace_rdp(scale * more, order), laplace_rdp(scale, order), 1e-12, 1 / scale * (1 + 1e-12));
    check("laplace in order", laplace_rdp(scale, order), laplace_rdp(scale, 1 + (order - 1) * more), 1e-12);
    check("pure", pure_rdp(epsilon, order), pure_rdp(std::min(epsilon * more, 1e305), order), 1e-12,
          epsilon * (1 + 1e-12));
    check("pure in order", pure_rdp(epsilon, order), pure_rdp(epsilon, 1 + (order - 1) * more), 1e-12);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RdpFuzz, GaussianEpsilon) {
  Draw draw(3);
  const int64_t total = points(0.05);
  for (int64_t i = 0; i < total; ++i) {
    const double mu = draw.either(1e-3, 100, 1e-300, 1e150), delta = draw.delta(),
                 more = 1 + draw.log_uniform(1e-9, 10);
    SCOPED_TRACE(testing::Message() << mu << ", " << delta << ", " << more);
    const double here = gaussian_epsilon(mu, delta);
    check("gaussian epsilon in mu", here, gaussian_epsilon(mu * more, delta), 1e-10);
    check("gaussian epsilon in delta", gaussian_epsilon(mu, std::min(delta * more, 0.9999999)), here, 1e-10);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RdpFuzz, SubsampledDelta) {
  Draw draw(4);
  const int64_t total = points(0.1);
  for (int64_t i = 0; i < total; ++i) {
    const double q = draw.rate(), s = draw.either(0.05, 100, 1e-100, 1e100), epsilon = draw.epsilon();
    SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << epsilon);
    for (const Direction direction : {Direction::remove, Direction::add}) {
      const double here = subsampled_gaussian_delta(q, s, epsilon, direction);
      EXPECT_TRUE(here >= 0 && here <= 1) << here;
    }
    const double replaced = subsampled_gaussian_delta_replace(q, s, epsilon);
    EXPECT_TRUE(replaced >= 0 && replaced <= 1) << replaced;
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RdpFuzz, CurvesOfSampledReleases) {
  Draw draw(5);
  const int64_t total = points(0.215);
  for (int64_t i = 0; i < total; ++i) {
    const double q = draw.rate(), s = draw.noise(), order = draw.order(), more = 1 + draw.log_uniform(1e-6, 10);
    SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << order << ", " << more);
    const auto curve = [&](double rate, double noise, Adjacency adjacency) {
      return RdpAccountant(adjacency, PoissonSampled{rate, {noise}}).rdp(order);
    };
    const Adjacency adjacency = i % 2 ? Adjacency::add_remove : Adjacency::replace_one;
    const double here = curve(q, s, adjacency);
    // Beyond this order rounding may leave no digit of the moment, and the unsampled release is the bound.
    if (order > 1e10) {
      EXPECT_TRUE(here >= 0 && here <= 2 * order / s / s * (1 + 1e-10) + 1e-290) << here;
      continue;
    }
    check("curve in rate", here, curve(std::min(1.0, q * more), s, adjacency), 1e-10);
    const double noisier = std::min(s * more, 1e305);
    // The bound that takes the quadrature's place below its smallest noise may lie above the value beside it.
    if (s >= kSmallestQuadratureNoise) check("curve in noise", curve(q, noisier, adjacency), here, 1e-10);
    check("removal and replacement", curve(q, s, Adjacency::add_remove), curve(q, s, Adjacency::replace_one), 1e-10);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RdpFuzz, SamplingWithoutReplacement) {
  Draw draw(6);
  const int64_t total = points(0.005);
  for (int64_t i = 0; i < total; ++i) {
    const double q = std::min(draw.rate(), 1 - 1e-16), s = draw.noise(), order = draw.order();
    SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << order);
    const double here = WithoutReplacementRdp(q, s).at(order);
    EXPECT_TRUE(here >= 0 && here <= order * 2 / s / s * (1 + 1e-12) + 1e-290) << here;
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RdpFuzz, EpsilonAndDeltaOfRuns) {
  Draw draw(7);
  const int64_t total = points(0.03);
  for (int64_t i = 0; i < total; ++i) {
    const double q = draw.rate(), s = draw.noise(), delta = draw.delta(), epsilon = draw.epsilon();
    const int64_t steps = draw.count();
    SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << steps << ", " << delta << ", " << epsilon);
    const RdpAccountant run(Adjacency::add_remove, Phases{{{q, {s}}, steps}});
    const double here = run.epsilon(delta);
    check("epsilon in steps", here,
          RdpAccountant(Adjacency::add_remove, Phases{{{q, {s}}, std::min(2 * steps, kMaxCount)}}).epsilon(delta), 1e-8,
          kInfinity, 1e-12);
    const double there = run.delta(epsilon);
    EXPECT_TRUE(there > 0 && there <= 1) << there;
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sotto::privacy

#include <gtest/gtest.h>
#include <sotto/privacy/contour_line.h>
#include <sotto/privacy/contour_tail.h>

#include <cmath>
#include <complex>
#include <limits>

namespace sotto::privacy {
namespace {

struct Setting {
  double rate, noise;
  std::int64_t steps;
  double c, step, epsilon;
};
// Inclusions are rare: |M| hardly decays.
constexpr Setting kRuns[] = {
    {1e-6, 0.4, 1000000, 2.8, 0.218, 4.7}, {1e-3, 0.6, 10, 4, 0.25, 1}, {0.01, 1, 1, 6, 0.2, 0.3}};

class Nodes {
 public:
  explicit Nodes(const Setting& run)
      : run_(run),
        events_(merge(Adjacency::add_remove, Phases{{{run.rate, {run.noise}}, run.steps}})),
        line_({events_, Direction::remove}, run.c),
        log_moment_(line_.log_at(0).value.real()) {}

  // h / pi times the term k, over M(c) e^(-c epsilon)
  double term(double k) const {
    const std::complex<double> z(run_.c, k * run_.step);
    const std::complex<double> f = std::exp(line_.log_at(z.imag()).value - log_moment_ - (z - run_.c) * run_.epsilon);
    return (f / (z * (z + 1.0))).real() * run_.step / std::acos(-1.0);
  }
  ContourTail tail(double first, double last) const {
    return {events_, run_.c, log_moment_, run_.step, first, last, run_.epsilon};
  }

 private:
  Setting run_;
  MergedEvents events_;
  ContourLine line_;
  double log_moment_;
};

// What 200 nodes leave out, summed over the next thousands; what those leave out has a bound that is much smaller.
TEST(ContourTail, BoundsWhatTheWeightsLeaveOut) {
  for (const Setting& run : kRuns) {
    const Nodes nodes(run);
    const ContourTail near = nodes.tail(133, 200), far = nodes.tail(4000, 6000);
    double left_out = 0;
    for (double k = 1; k < 6000; ++k) left_out += (far.weight(k) - near.weight(k)) * nodes.term(k);
    const double bound = near.at(run.epsilon), rest = far.at(run.epsilon);
    EXPECT_LE(std::abs(left_out), bound + rest) << run.rate;
    EXPECT_LT(rest, 0.01 * bound) << "falls as the cube of the frequency";
    EXPECT_LT(bound, 200 * std::abs(left_out) + 1e-9) << "and is not far from what it bounds";
  }
}

TEST(ContourTail, WeightsFallFromOneToNothing) {
  const ContourTail tail = Nodes(kRuns[0]).tail(100, 150);
  EXPECT_EQ(tail.weight(0), 1);
  EXPECT_EQ(tail.weight(100), 1);
  EXPECT_EQ(tail.weight(125), 0.5);
  EXPECT_EQ(tail.weight(150), 0);
  EXPECT_EQ(tail.weight(1e9), 0);
}

// A period too short for the gain of the run: the integrals on the left do not converge.
TEST(ContourTail, SaysNothingWhereThePeriodIsTooShort) {
  Setting run = kRuns[0];
  run.step = 1.3;  // period 4.83 < epsilon 4.7 + gain 1
  EXPECT_EQ(Nodes(run).tail(100, 150).at(run.epsilon), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace sotto::privacy

#include <gtest/gtest.h>
#include <sotto/privacy/contour_line.h>
#include <sotto/privacy/contour_tail.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <vector>

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

  // h / pi times the term k at epsilon 0, over M(c)
  std::complex<double> term(double k) const {
    const std::complex<double> z(run_.c, k * run_.step);
    return std::exp(line_.log_at(z.imag()).value - log_moment_) / (z * (z + 1.0)) * run_.step / std::acos(-1.0);
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
    std::vector<std::complex<double>> left_out;
    for (double k = 1; k < 6000; ++k) left_out.push_back((far.weight(k) - near.weight(k)) * nodes.term(k));
    double largest = 0;  // part of the bound
    for (int i = -10; i <= 10; ++i) {
      const double epsilon = run.epsilon + 0.025 * i * std::min(1.0, run.epsilon);
      double sum = 0;
      for (std::size_t k = 0; k < left_out.size(); ++k)
        sum += (left_out[k] * std::polar(1.0, -static_cast<double>(k + 1) * run.step * epsilon)).real();
      const double bound = near.at(epsilon), rest = far.at(epsilon);
      EXPECT_LE(std::abs(sum), bound + rest) << run.rate << ' ' << epsilon;
      EXPECT_LT(rest, 0.01 * bound) << "falls as the cube of the frequency";
      largest = std::max(largest, std::abs(sum) / bound);
    }
    EXPECT_GT(largest, 0.05) << "the bound is not far from what it bounds";
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

#include <fmt/format.h>
#include <sotto/privacy/contour_line.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kRoundoff = std::numeric_limits<double>::epsilon() / 2;
constexpr double kPi = boost::math::constants::pi<double>();
constexpr double kRough = 1e-6;       // tolerance of lines that only choose others
constexpr double kTolerance = 1e-13;  // of the others

// Where a rising function of log c is zero, to 1 part in 4000 of c: as near as a line needs to be.
template <class Function>
double root_of_rising(Function&& f) {
  double low = 0, high = 0;
  for (int i = 0; i < 60 && f(low) > 0; ++i) low -= 1;
  for (int i = 0; i < 12 && f(high) < 0; ++i) high += 1;
  for (int i = 0; i < 20 && high - low > 2.5e-4; ++i) {
    const double middle = (low + high) / 2;
    (f(middle) < 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

void refuse_contour(const char* why) {
  throw UsageError(
      fmt::format("[ContourAccountant] no bracket can be certified by the contour integral: {}; use another "
                  "method",
                  why));
}

ContourLine::ContourLine(const ContourProblem& problem, double c, Use use) : problem_(problem), c_(c) {
  for (const MergedEvents::Term& term : problem.events.terms)
    moments_.emplace_back(std::get<PoissonSampled>(term.event), problem.direction, c,
                          use == Use::choose ? kRough : kTolerance / term.count);
}

CertifiedLog ContourLine::log_at(double omega) const {
  const std::complex<double> z(c_, omega);
  CertifiedLog total{problem_.events.squared_gaussian_mean * z * (z + 1.0) * 0.5, 0};
  total.error = 8 * kRoundoff * std::abs(total.value);
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    const double count = problem_.events.terms[i].count;
    const CertifiedLog one = moments_[i].log_at(omega);
    total.value += count * one.value;
    total.error += count * (one.error + 4 * kRoundoff * std::abs(one.value));
  }
  total.error += 4 * kRoundoff * std::abs(total.value);
  return total;
}

double ContourLine::slope() const {
  double total = problem_.events.squared_gaussian_mean * (c_ + 0.5);
  for (std::size_t i = 0; i < moments_.size(); ++i) total += problem_.events.terms[i].count * moments_[i].slope();
  return total;
}

double ContourLine::log_decay(double omega) const {
  double total = -problem_.events.squared_gaussian_mean * omega * omega / 2;
  for (std::size_t i = 0; i < moments_.size(); ++i)
    total += problem_.events.terms[i].count * std::log(moments_[i].decay(omega));
  return total;
}

double ContourLine::nodes() const {
  double total = 1;
  for (const LossMoment& moment : moments_) total += moment.nodes();
  return total;
}

// The c where the integrand is stationary for this epsilon: d/dc (log M - c epsilon - log(c (c + 1))) = 0.
double contour_saddle(const ContourProblem& problem, double epsilon) {
  const auto excess = [&](double log_c) {
    const double c = std::exp(log_c);
    return ContourLine(problem, c, ContourLine::Use::choose).slope() - epsilon - 1 / c - 1 / (c + 1);
  };
  return std::exp(root_of_rising(excess));
}

// Where the saddle-point approximation has this delta: the c of that line determines epsilon, and with it
// log delta = log M - c epsilon - log(c (c + 1)) - log(2 pi curvature) / 2, which falls in c. No bound; it only chooses
// the line.
double contour_saddle_of_delta(const ContourProblem& problem, double delta) {
  const double target = std::log(delta);
  double epsilon = 0;
  const auto excess = [&](double log_c) {
    const double c = std::exp(log_c), apart = 1e-3 * c;
    const ContourLine line(problem, c, ContourLine::Use::choose);
    const double slope = line.slope();
    epsilon = slope - 1 / c - 1 / (c + 1);
    const double curvature = (ContourLine(problem, c + apart, ContourLine::Use::choose).slope() - slope) / apart +
                             1 / (c * c) + 1 / ((c + 1) * (c + 1));
    return line.log_at(0).value.real() - c * epsilon - std::log(c * (c + 1)) -
           std::log(2 * kPi * std::max(curvature, 1e-300)) / 2 - target;
  };
  const double log_c = root_of_rising([&](double at) { return -excess(at); });
  excess(log_c);  // leaves its epsilon
  return std::max(0.0, epsilon);
}

}  // namespace sotto::privacy

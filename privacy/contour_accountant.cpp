#include <fmt/format.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/contour_accountant.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/loss_moment.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <complex>
#include <limits>
#include <utility>

namespace sotto::privacy {
namespace {

constexpr double kRoundoff = std::numeric_limits<double>::epsilon() / 2;
constexpr double kPi = boost::math::constants::pi<double>();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNegligibleNats = 16;  // aliases and nodes left out, relative to delta
constexpr double kRough = 1e-6;         // tolerance of lines that only choose others
constexpr double kMostWork = 3e7;       // nodes of the contour times nodes of their quadratures

constexpr double kSmallest = std::numeric_limits<double>::min();  // less has no digits

double above_underflow(double lower) {
  return lower >= kSmallest ? lower : 0;
}

[[noreturn]] void refuse(const char* why) {
  throw UsageError(
      fmt::format("[ContourAccountant] no bracket can be certified by the contour integral: {}; use another "
                  "method",
                  why));
}

struct Problem {
  const MergedEvents& events;
  Direction direction;
};

// All releases on the line Re z = c.
class Line {
 public:
  enum class Use { certify, choose };
  Line(const Problem& problem, double c, Use use = Use::certify) : problem_(problem), c_(c) {
    for (const MergedEvents::Term& term : problem.events.terms)
      moments_.emplace_back(std::get<PoissonSampled>(term.event), problem.direction, c,
                            use == Use::choose ? kRough : 1e-13 / term.count);
  }

  // log of the product of all moments at c + i omega
  CertifiedLog log_at(double omega) const {
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
  // d/dc of that at omega = 0
  double slope() const {
    double total = problem_.events.squared_gaussian_mean * (c_ + 0.5);
    for (std::size_t i = 0; i < moments_.size(); ++i) total += problem_.events.terms[i].count * moments_[i].slope();
    return total;
  }
  // log of an upper bound of |product at c + i w| / product at c, for every w >= omega
  double log_decay(double omega) const {
    double total = -problem_.events.squared_gaussian_mean * omega * omega / 2;
    for (std::size_t i = 0; i < moments_.size(); ++i)
      total += problem_.events.terms[i].count * std::log(moments_[i].decay(omega));
    return total;
  }
  double nodes(double omega) const {
    double total = 1;
    for (const LossMoment& moment : moments_) total += moment.nodes(omega);
    return total;
  }
  double c() const { return c_; }

 private:
  Problem problem_;
  double c_;
  std::vector<LossMoment> moments_;
};

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

// The c where the integrand is stationary for this epsilon: d/dc (log M - c epsilon - log(c (c + 1))) = 0.
double saddle(const Problem& problem, double epsilon) {
  const auto excess = [&](double log_c) {
    const double c = std::exp(log_c);
    return Line(problem, c, Line::Use::choose).slope() - epsilon - 1 / c - 1 / (c + 1);
  };
  return std::exp(root_of_rising(excess));
}

struct SaddlePoint {
  double c;
  double epsilon;
};

// Where the saddle-point approximation has this delta: the c of that line determines epsilon, and with it
// log delta = log M - c epsilon - log(c (c + 1)) - log(2 pi curvature) / 2, which falls in c. No bound; it only chooses
// the line.
SaddlePoint saddle_of_delta(const Problem& problem, double delta) {
  const double target = std::log(delta);
  double epsilon = 0;
  const auto excess = [&](double log_c) {
    const double c = std::exp(log_c), apart = 1e-3 * c;
    const Line line(problem, c, Line::Use::choose);
    const double slope = line.slope();
    epsilon = slope - 1 / c - 1 / (c + 1);
    const double curvature =
        (Line(problem, c + apart, Line::Use::choose).slope() - slope) / apart + 1 / (c * c) + 1 / ((c + 1) * (c + 1));
    return line.log_at(0).value.real() - c * epsilon - std::log(c * (c + 1)) -
           std::log(2 * kPi * std::max(curvature, 1e-300)) / 2 - target;
  };
  const double log_c = root_of_rising([&](double at) { return -excess(at); });
  excess(log_c);  // leaves its epsilon
  return {std::exp(log_c), std::max(0.0, epsilon)};
}

// The sum over the nodes of one line, for every epsilon near the one it was made for.
class ContourSum {
 public:
  ContourSum(const Problem& problem, double c, double epsilon) : c_(c) {
    const Line line(problem, c);
    const CertifiedLog at_c = line.log_at(0);
    log_scale_ = at_c.value.real();
    scale_error_ = at_c.error;
    if (!std::isfinite(scale_error_)) refuse("moments overflow");
    const double log_guess = log_scale_ - c * epsilon - std::log(c * (c + 1));  // of delta, up to a small power
    choose_period(problem, epsilon, log_guess);
    const double step = rounded(2 * kPi / period_);
    period_ = 2 * kPi / step;
    // Nodes up to `last`: beyond them, |M| has decayed.
    double last = 8 * step;
    while (line.log_decay(last) > -kNegligibleNats - 4) {
      last *= 1.15;
      if (last / step * line.nodes(last) > kMostWork) refuse("inclusions are too rare");
    }
    truncation_ = std::exp(line.log_decay(last)) / last / kPi;
    const auto count = static_cast<std::int64_t>(std::ceil(last / step));
    if (static_cast<double>(count) * line.nodes(last) > kMostWork) refuse("inclusions are too rare");
    terms_.reserve(static_cast<std::size_t>(count) + 1);
    for (std::int64_t k = 0; k <= count; ++k) {
      const double omega = static_cast<double>(k) * step;  // exact: the step has few digits
      const CertifiedLog log = k == 0 ? at_c : line.log_at(omega);
      const std::complex<double> z(c, omega);
      const double weight = (k == 0 ? 1 : 2) * step / (2 * kPi);
      const std::complex<double> value = weight * std::exp(log.value - log_scale_) / (z * (z + 1.0));
      const double relative = std::expm1(std::min(700.0, log.error)) + kRoundoff * (16 + 4 * std::abs(log.value));
      if (!std::isfinite(relative)) {
        truncation_ += weight / (omega * omega);  // |M| <= M(c) is all that is known
        continue;
      }
      terms_.push_back({omega, value, std::abs(value) * relative});
    }
  }

  double c() const { return c_; }

  Bracket delta(double epsilon) const {
    double sum = 0, error = truncation_, total = 0;
    for (const Term& term : terms_) {
      const double angle = term.omega * epsilon;
      sum += term.value.real() * std::cos(angle) + term.value.imag() * std::sin(angle);
      const double magnitude = std::abs(term.value);
      error += term.error + magnitude * kRoundoff * (8 + 2 * angle);
      total += magnitude;
    }
    error += total * kRoundoff * static_cast<double>(terms_.size());
    const double exponent = log_scale_ - c_ * epsilon;
    const double scale = std::exp(exponent);
    const double scale_relative = std::expm1(scale_error_) + 8 * kRoundoff * (1 + std::abs(log_scale_) + c_ * epsilon);
    const double value = scale * sum;
    const double margin = scale * error * (1 + scale_relative) + std::abs(value) * scale_relative;
    // Aliases only add. Those on the left have delta <= 1, those on the right a Chernoff bound.
    const double left = std::exp(-c_ * period_) / -std::expm1(-c_ * period_);
    const double decay = (second_c_ - c_) * period_;
    const double right = std::exp(second_log_ - second_c_ * epsilon - decay) / -std::expm1(-decay);
    if (std::isnan(value) || std::isnan(margin)) refuse("moments overflow");
    return {above_underflow(value - margin - left - right), std::clamp(value + margin, kSmallest, 1.0)};
  }

 private:
  struct Term {
    double omega;
    std::complex<double> value;
    double error;
  };

  static double rounded(double step) {
    int exponent = 0;
    const double mantissa = std::frexp(step, &exponent);
    return std::ldexp(std::floor(std::ldexp(mantissa, 12)), exponent - 12);
  }

  // The smallest period at which aliases are negligible.
  void choose_period(const Problem& problem, double epsilon, double log_guess) {
    const double target = log_guess - kNegligibleNats - 3;
    const double for_left = -target / c_;
    period_ = kInfinity;
    for (const double factor : {1.1, 1.25, 1.5, 2.0, 3.0}) {
      const double other = c_ * factor;
      const CertifiedLog log = Line(problem, other).log_at(0);
      if (!std::isfinite(log.error)) continue;
      const double bound = log.value.real() + log.error;
      const double for_right = (bound - other * epsilon - target) / (other - c_);
      const double needed = std::max({for_left, for_right, 1e-300});
      if (needed < period_) {
        period_ = needed;
        second_c_ = other;
        second_log_ = bound;
      }
    }
    if (!std::isfinite(period_)) refuse("moments overflow");
  }

  double c_;
  double period_ = 0;
  double log_scale_ = 0;
  double scale_error_ = 0;
  double truncation_ = 0;
  double second_c_ = 0;
  double second_log_ = 0;  // upper bound of log M(second_c_)
  std::vector<Term> terms_;
};

}  // namespace

ContourAccountant::ContourAccountant(Adjacency adjacency, const Event& event) : adjacency_(adjacency) {
  if (!supports(adjacency))
    throw UsageError(
        fmt::format("[ContourAccountant] adjacency: {}; must be add-remove or zero-out", to_string(adjacency)));
  events_ = merge(adjacency, event);
  if (events_.non_private) refuse("something was released without noise");
  for (const MergedEvents::Term& term : events_.terms) {
    const auto* const sampled = std::get_if<PoissonSampled>(&term.event);
    if (sampled == nullptr) refuse("only Gaussian releases with Poisson sampling or without any are supported");
    if (sampled->mechanism.noise_multiplier < kSmallestQuadratureNoise)
      throw UsageError(fmt::format("[ContourAccountant] noise_multiplier: {}; must be at least {}",
                                   sampled->mechanism.noise_multiplier, kSmallestQuadratureNoise));
  }
}

bool ContourAccountant::supports(Adjacency adjacency) {
  return adjacency == Adjacency::add_remove || adjacency == Adjacency::zero_out;
}

Bracket ContourAccountant::delta(double epsilon, Direction direction) const {
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[ContourAccountant] epsilon: {}; must be finite and at least 0", epsilon));
  if (events_.empty()) return {0, 0};
  const Problem problem{events_, direction};
  return ContourSum(problem, saddle(problem, epsilon), epsilon).delta(epsilon);
}

Bracket ContourAccountant::epsilon(double delta, Direction direction) const {
  validate_delta(delta);
  if (events_.empty()) return {0, 0};
  const Problem problem{events_, direction};
  SaddlePoint point = saddle_of_delta(problem, delta);
  for (int round = 0;; ++round) {
    const double guess = point.epsilon;
    const ContourSum sum(problem, point.c, guess);
    // delta falls in epsilon, but the bracket is good only near the guess: the search walks from there.
    const auto crossing = [&](auto&& enough, double start) {
      double low = start, high = start, stride = std::max(1e-3 / sum.c(), 1e-15 * start);
      if (enough(start)) {
        while (low > 0 && enough(low)) high = low, low = std::max(0.0, low - stride), stride *= 2;
        if (low == 0 && enough(0.0)) return std::pair{0.0, 0.0};
      } else {
        for (int i = 0; i < 100 && !enough(high); ++i) low = high, high += stride, stride *= 2;
        if (!enough(high)) refuse("no epsilon is enough");
      }
      for (int i = 0; i < 60 && high - low > 1e-14 * high; ++i) {
        const double middle = low + (high - low) / 2;
        (enough(middle) ? high : low) = middle;
      }
      return std::pair{low, high};
    };
    const double upper = crossing([&](double epsilon) { return sum.delta(epsilon).upper <= delta; }, guess).second;
    const bool near = std::abs(upper - guess) * sum.c() < 1 || (upper == 0 && guess == 0);
    if (!near && round < 6) {
      point = {saddle(problem, upper), upper};
      continue;
    }
    const double lower = crossing([&](double epsilon) { return sum.delta(epsilon).lower < delta; }, upper).first;
    return {std::min(lower, upper), upper};
  }
}

Bracket ContourAccountant::epsilon(double delta) const {
  const Bracket remove = epsilon(delta, Direction::remove), add = epsilon(delta, Direction::add);
  return {std::max(remove.lower, add.lower), std::max(remove.upper, add.upper)};
}

Bracket ContourAccountant::delta(double epsilon) const {
  const Bracket remove = delta(epsilon, Direction::remove), add = delta(epsilon, Direction::add);
  return {std::max(remove.lower, add.lower), std::max(remove.upper, add.upper)};
}

}  // namespace sotto::privacy

#include <sotto/privacy/contour_sum.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kRoundoff = std::numeric_limits<double>::epsilon() / 2;
constexpr double kPi = boost::math::constants::pi<double>();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kSmallest = std::numeric_limits<double>::min();  // less has no digits
constexpr double kNegligibleNats = 16;                            // aliases and nodes left out, relative to delta
constexpr double kRareNats = 22;                                  // the same where delta may be far below the guess
constexpr double kMostWork = 3e7;  // nodes of the contour times nodes of their quadratures
constexpr double kTailWork = 3e6;  // the same where what is left out falls as a power only
constexpr double kRoughTailWork = 3e5;

double above_underflow(double lower) {
  return lower >= kSmallest ? lower : 0;
}

// The step of a period, with so few digits that its multiples are exact.
double step_of(double period) {
  int exponent = 0;
  const double mantissa = std::frexp(2 * kPi / period, &exponent);
  return std::ldexp(std::floor(std::ldexp(mantissa, 12)), exponent - 12);
}

// log of delta, up to a small power
double guess(double log_moment, double c, double epsilon) {
  return log_moment - c * epsilon - std::log(c * (c + 1));
}

}  // namespace

ContourSum::ContourSum(const ContourProblem& problem, double epsilon, Effort effort)
    : c_(contour_saddle(problem, epsilon)) {
  const ContourLine line(problem, c_);
  const CertifiedLog at_c = line.log_at(0);
  scale_by(at_c);
  period_ = period(problem, c_, epsilon, guess(log_scale_, c_, epsilon), kNegligibleNats);
  if (!std::isfinite(period_.value)) refuse_contour("moments overflow");
  if (!sum_decaying(line, at_c)) sum_rare(problem, epsilon, effort);
}

void ContourSum::scale_by(const CertifiedLog& at_c) {
  if (!std::isfinite(at_c.error)) refuse_contour("moments overflow");
  log_scale_ = at_c.value.real();
  scale_error_ = at_c.error;
}

ContourSum::Period ContourSum::period(const ContourProblem& problem, double c, double epsilon, double log_guess,
                                      double nats) {
  const double target = log_guess - nats - 3;
  const double for_left = -target / c;
  Period best{kInfinity, 0, c, 0};
  for (const double factor : {1.1, 1.25, 1.5, 2.0, 3.0}) {
    const double other = c * factor;
    const CertifiedLog log = ContourLine(problem, other).log_at(0);
    if (!std::isfinite(log.error)) continue;
    const double bound = log.value.real() + log.error;
    const double for_right = (bound - other * epsilon - target) / (other - c);
    const double needed = std::max({for_left, for_right, 1e-300});
    if (needed < best.value) best = {needed, 0, other, bound};
  }
  if (!std::isfinite(best.value)) return best;
  best.step = step_of(best.value);
  best.value = 2 * kPi / best.step;
  return best;
}

// Sums up to where |M| has decayed; false where that would take too long.
bool ContourSum::sum_decaying(const ContourLine& line, const CertifiedLog& at_c) {
  double last = 8 * period_.step;
  while (line.log_decay(last) > -kNegligibleNats - 4) {
    last *= 1.15;
    if (last / period_.step * line.nodes() > kMostWork) return false;
  }
  const double count = std::ceil(last / period_.step);
  if (count * line.nodes() > kMostWork) return false;
  truncation_ = std::exp(line.log_decay(last)) / last / kPi;
  add_terms(line, at_c, count);
  return true;
}

// The error is about M(c) e^(-c epsilon) / W^3, and W 2 pi times the number of nodes over the period: where the moments
// right of the saddle point grow fast, the period is much shorter left of it.
void ContourSum::choose_rare_line(const ContourProblem& problem, double epsilon) {
  const double saddle = c_;
  double least = kInfinity;
  for (double fraction = 1; fraction > 0.4; fraction *= 0.94) {
    const double c = fraction * saddle;
    const CertifiedLog at_c = ContourLine(problem, c).log_at(0);
    if (!std::isfinite(at_c.error)) continue;
    const double log_moment = at_c.value.real();
    const Period found = period(problem, c, epsilon, guess(log_moment, c, epsilon), kRareNats);
    const double cost = log_moment - c * epsilon + 3 * std::log(found.value);
    if (cost >= least) continue;
    least = cost;
    c_ = c;
    period_ = found;
  }
}

void ContourSum::sum_rare(const ContourProblem& problem, double epsilon, Effort effort) {
  if (problem.direction == Direction::add || problem.events.squared_gaussian_mean > 0)
    refuse_contour("inclusions are too rare");
  choose_rare_line(problem, epsilon);
  const ContourLine line(problem, c_);
  const CertifiedLog at_c = line.log_at(0);
  scale_by(at_c);
  rough_ = effort == Effort::rough;
  const double count = std::floor((rough_ ? kRoughTailWork : kTailWork) / line.nodes());
  if (count < 8) refuse_contour("inclusions are too rare");
  tail_.emplace(problem.events, c_, log_scale_, period_.step, std::floor(count * 2 / 3), count, epsilon);
  add_terms(line, at_c, count);
}

void ContourSum::add_terms(const ContourLine& line, const CertifiedLog& at_c, double count) {
  terms_.reserve(static_cast<std::size_t>(count) + 1);
  for (double k = 0; k <= count; ++k) {
    const double omega = k * period_.step;
    const CertifiedLog log = k == 0 ? at_c : line.log_at(omega);
    const std::complex<double> z(c_, omega);
    const double weight = (k == 0 ? 1 : 2) * (tail_ ? tail_->weight(k) : 1) * period_.step / (2 * kPi);
    const std::complex<double> value = weight * std::exp(log.value - log_scale_) / (z * (z + 1.0));
    const double relative = std::expm1(std::min(700.0, log.error)) + kRoundoff * (16 + 4 * std::abs(log.value));
    if (!std::isfinite(relative)) {
      truncation_ += weight / (omega * omega);  // |M| <= M(c) is all that is known
      continue;
    }
    terms_.push_back({omega, value, std::abs(value) * relative});
  }
}

Bracket ContourSum::delta(double epsilon) const {
  double sum = 0, error = truncation_ + (tail_ ? tail_->at(epsilon) : 0), total = 0;
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
  const double left = std::exp(-c_ * period_.value) / -std::expm1(-c_ * period_.value);
  const double decay = (period_.second_c - c_) * period_.value;
  const double right = std::exp(period_.second_log - period_.second_c * epsilon - decay) / -std::expm1(-decay);
  if (std::isnan(value) || std::isnan(margin)) refuse_contour("moments overflow");
  return {above_underflow(value - margin - left - right), std::clamp(value + margin, kSmallest, 1.0)};
}

}  // namespace sotto::privacy

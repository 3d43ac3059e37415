#include <fmt/format.h>
#include <sotto/privacy/erfcx.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/loss_moment.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kRoundoff = std::numeric_limits<double>::epsilon() / 2;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kUnderflow = std::numeric_limits<double>::denorm_min();  // of the weight of a node
constexpr double kPi = boost::math::constants::pi<double>();
constexpr double kMostNodes = 1 << 18;        // more are needed where the moment is beyond a double
constexpr double kGreatestHeight = 1.5;       // e^(a^2 / 2) digits are lost
constexpr double kTailStep = 1.0 / (1 << 8);  // grid on which masses and variations are bounded

// The product, without the checks for infinities of operator*.
std::complex<double> times(std::complex<double> a, std::complex<double> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

}  // namespace

LossMoment::LossMoment(const PoissonSampled& event, Direction direction, double c, double tolerance)
    : q_(event.sampling_rate),
      s_(event.mechanism.noise_multiplier),
      kappa_(direction == Direction::remove ? c + 1 : -c),
      direction_(direction),
      tolerance_(tolerance) {
  validate(event);
  if (!(q_ > 0 && q_ < 1 && s_ >= kSmallestQuadratureNoise))
    throw UsageError(
        fmt::format("[LossMoment] sampling_rate {} with noise_multiplier {}; must be in (0, 1) and at least {}", q_, s_,
                    kSmallestQuadratureNoise));
  if (!(tolerance > 0 && tolerance < 1))
    throw UsageError(fmt::format("[LossMoment] tolerance: {}; must be in (0, 1)", tolerance));
  if (!(c > 0 && std::isfinite(c))) throw UsageError(fmt::format("[LossMoment] c: {}; must be finite and above 0", c));

  choose_strip();
  if (!(nodes_wanted_ <= kMostNodes)) {
    slope_ = moment_ = kInfinity;
    return;
  }
  const auto first = static_cast<std::int64_t>(std::floor(low_ / step_));
  const auto last = static_cast<std::int64_t>(std::ceil(high_ / step_));
  nodes_.reserve(static_cast<std::size_t>(last - first + 1));
  double moment = 0, slope = 0;
  for (std::int64_t j = first; j <= last; ++j) {
    nodes_.push_back(node(static_cast<double>(j) * step_));
    const Node& added = nodes_.back();
    const std::complex<double> power = times(added.weight, added.power);
    moment += power.real();
    slope += times(power, added.log_r).real();
  }
  slope_ = (direction == Direction::remove ? slope : -slope) / moment;
  moment_ = std::isfinite(moment) ? moment * (1 + 1e-9) : kInfinity;
  if (moment_ == kInfinity) slope_ = kInfinity;
}

void LossMoment::choose_strip() {
  // Beyond this many standard deviations nothing reaches the tolerance, see the tails in log_at().
  const double powers = kappa_ > 0 ? kappa_ * std::log(2.0) : kappa_ * std::log1p(-q_);
  const double reach = std::sqrt(2 * (10 - std::log(tolerance_) + powers));
  low_ = -reach;
  high_ = std::max({0.0, 1 / s_, kappa_ / s_}) + reach;
  // arg r must stay below pi / 2 along Im u = 2 a for negative powers, and below pi for the others.
  height_ = std::min(kGreatestHeight, (kappa_ < 0 ? 0.25 : 0.49) * kPi * s_);
  const double lowered =
      kappa_ < 0 ? kappa_ * std::max(std::log1p(-q_), std::log(std::cos(height_ / s_))) : 0.0;  // see N(2 a) below
  const double nats = 2 * height_ * height_ + std::max(lowered, std::log1p(2 * std::abs(kappa_))) + std::log(20.0);
  step_ = 2 * kPi * height_ / (nats - std::log(tolerance_));
  nodes_wanted_ = (high_ - low_) / step_;
}

LossMoment::Node LossMoment::node(double t) const {
  Node node{};
  const double a = height_;
  const double size = step_ * std::exp((a * a - t * t) / 2) / std::sqrt(2 * kPi);
  node.weight = {size * std::cos(t * a), -size * std::sin(t * a)};
  const double y = t / s_ - 0.5 / (s_ * s_), angle = a / s_;
  const double sine = std::sin(angle), cosine = std::cos(angle), half = std::sin(angle / 2);
  double share;  // |dL/dy|
  double part;   // bound of the rounding of L, in units of roundoff, y apart
  if (y < 30) {
    const double tilt = std::exp(y);
    node.excess = {q_ * (std::expm1(y) * cosine - 2 * half * half), q_ * tilt * sine};
    const std::complex<double> r(1 - q_ + q_ * tilt * cosine, q_ * tilt * sine);
    const double modulus = std::abs(r), distance = std::abs(node.excess);
    const bool near = distance < 0.5;
    node.log_r = {near ? std::log1p(2 * node.excess.real() + distance * distance) / 2 : std::log(modulus),
                  std::atan2(r.imag(), r.real())};
    share = q_ * tilt / modulus;
    part = near ? 24 * distance : 16;
  } else {
    const double low = std::log1p(-q_), high = std::log(q_) + y;
    const double lead = std::max(low, high), other = std::exp(-std::abs(high - low));
    const std::complex<double> sum = high > low ? std::complex<double>(cosine + other, sine)
                                                : std::complex<double>(1 + other * cosine, other * sine);
    node.log_r = {lead + std::log(std::abs(sum)), std::atan2(sum.imag(), sum.real())};
    const double modulus = std::exp(node.log_r.real());
    node.excess = {modulus * std::cos(node.log_r.imag()) - 1, modulus * std::sin(node.log_r.imag())};
    share = std::exp(high - node.log_r.real());
    part = 16 + 4 * std::abs(high);
  }
  const double power = std::exp(kappa_ * node.log_r.real()), turn = kappa_ * node.log_r.imag();
  node.power = {power * std::cos(turn), power * std::sin(turn)};
  node.shift = kRoundoff * (4 * std::abs(node.log_r) + part + 4 * share * (std::abs(t) / s_ + 0.5 / (s_ * s_) + angle));
  node.rounding = t * t + 2 * std::abs(t * a) + 20;
  return node;
}

// N(0) is M(c) + 1 + 2 |kappa|. N(2 a) has the factor e^(2 a^2), and for negative powers |r|^kappa is at most
// (1 - q)^kappa and at most r(t)^kappa cos(a / s)^kappa.
double LossMoment::discretisation_error(double omega) const {
  const double a = height_, growth = 2 * a * a - 2 * kPi * a / step_;
  const double log_moment = std::log(std::max(moment_, 1.0));
  const double power =
      kappa_ < 0 ? std::min(kappa_ * std::log1p(-q_), kappa_ * std::log(std::cos(a / s_)) + log_moment) : log_moment;
  const double rest = std::log1p(2 * std::hypot(kappa_, omega));
  return 2.1 * (std::exp(std::max(power, log_moment) + growth) + std::exp(rest + growth));
}

CertifiedLog LossMoment::log_at(double omega) const {
  if (moment_ == kInfinity) return {{kInfinity, 0}, kInfinity};
  const std::complex<double> kappa(kappa_, omega);
  const double size = std::abs(kappa), size_less = std::abs(kappa - 1.0);
  const std::complex<double> square = times(kappa, kappa - 1.0) * 0.5;

  double real = 0, imaginary = 0, error = 0, total = 0;
  for (const Node& node : nodes_) {
    const double weight = std::abs(node.weight.real()) + std::abs(node.weight.imag());
    const std::complex<double> l = node.log_r;
    const double length = std::abs(l), magnitude = std::max(1.0, size) * length;
    if (magnitude < 0.5) {
      // g = kappa (kappa - 1) L^2 / 2 sum_m (2 / m!) (1 + kappa + ... + kappa^(m-2)) L^(m-2)
      const int terms = magnitude < 1e-3 ? 7 : magnitude < 0.03 ? 10 : 17;
      std::complex<double> geometric = 1, sum = 1, power = 1;
      for (int m = 3; m <= terms; ++m) {
        geometric = times(kappa, geometric) + 1.0;
        power = times(power, l) * (1.0 / m);
        sum += times(geometric, power);
      }
      const std::complex<double> g = times(node.weight, times(times(square, times(l, l)), sum));
      real += g.real();
      imaginary += g.imag();
      const double bound = size * size_less * length * length;  // of |g|
      error += weight * (4 * size * size_less * length * node.shift + bound * (128 + node.rounding) * kRoundoff);
      total += weight * bound;
    } else {
      const double damping = std::exp(-omega * l.imag()), angle = omega * l.real();
      const std::complex<double> turned =
          times(node.power, {damping * std::cos(angle), damping * std::sin(angle)});  // e^{kappa L}
      const std::complex<double> g = times(node.weight, turned - 1.0 - times(kappa, node.excess));
      real += g.real();
      imaginary += g.imag();
      const double exponential = std::abs(turned.real()) + std::abs(turned.imag());
      const double excess = std::abs(node.excess);
      const double bound = exponential + 1 + size * excess;  // of |g|
      error += weight * (size * (exponential + excess + 1) * node.shift +
                         kRoundoff * (bound * (16 + node.rounding) + 16 * magnitude * exponential)) +
               kUnderflow * bound;
      total += weight * bound;
    }
  }
  error += static_cast<double>(nodes_.size()) * kRoundoff * total;

  // What lies outside the range of the nodes: |r| <= 1 on the left, |r| <= 2 max(1, q e^y) on the right, |r| >= 1 - q
  // for negative powers.
  const double left = normal_upper_tail(-low_), right = normal_upper_tail(high_);
  const double lowest = kappa_ < 0 ? std::exp(kappa_ * std::log1p(-q_)) : 1.0;
  double outside = left * (lowest + 1 + 2 * size) + right * (1 + 2 * size) + size * normal_upper_tail(high_ - 1 / s_);
  outside +=
      kappa_ > 0 ? std::exp2(kappa_) * (right + moment_ * normal_upper_tail(high_ - kappa_ / s_)) : right * lowest;
  error += std::exp(height_ * height_ / 2) * outside + discretisation_error(omega);

  if (omega == 0) imaginary = 0;  // that of M(c) is
  if (direction_ == Direction::add) imaginary = -imaginary;
  // log(1 + E): its own rounding, and an error that moves 1 + E by a small part of itself.
  const double excess = 2 * real + real * real + imaginary * imaginary;
  const double modulus = std::hypot(1 + real, imaginary), part = std::hypot(real, imaginary);
  const bool small = excess < -0.75;  // then 1 + E is formed without harm, and log1p would lose its digits
  CertifiedLog result{{small ? std::log(modulus) : std::log1p(excess) / 2, std::atan2(imaginary, 1 + real)}, 0};
  const double relative = error / modulus;
  result.error = relative < 0.5 ? 2 * relative : kInfinity;
  result.error += 8 * kRoundoff *
                  ((small ? (1 + part) / modulus : part * (2 + part) / (modulus * modulus)) + std::abs(result.value));
  if (!std::isfinite(result.value.real()) || !std::isfinite(result.error) || !(excess > -1)) result.error = kInfinity;
  return result;
}

// With w = phi r^kappa the tilted law, the density of the loss is f = w / |L'|, L' = q e^y / (r s), and log f changes
// by at most |u| + (|kappa| + 2) / s per unit of u. Its variation on [u, infinity) is that seen at the nodes and,
// because f has at most three extremes, at most three times twice what it can change between two nodes.
void LossMoment::make_tails() const {
  const double h = kTailStep;
  const auto first = static_cast<std::int64_t>(std::floor(low_ / h));
  const auto last = static_cast<std::int64_t>(std::ceil(high_ / h));
  tails_.resize(static_cast<std::size_t>(last - first + 1));
  const double steepness = (std::abs(kappa_) + 2) / s_;
  double mass = 0, largest_hidden = 0, variation = 0, next = 0;
  for (std::size_t i = tails_.size(); i-- > 0;) {
    const double u = static_cast<double>(first + static_cast<std::int64_t>(i)) * h;
    const double y = u / s_ - 0.5 / (s_ * s_);
    const double low = std::log1p(-q_), high = std::log(q_) + y;
    const double log_r =
        y < 30 ? std::log1p(q_ * std::expm1(y)) : std::max(low, high) + std::log1p(std::exp(-std::abs(high - low)));
    const double weight = h * std::exp(kappa_ * log_r - u * u / 2) / std::sqrt(2 * kPi);  // h w(u)
    const double change = h * (std::abs(u) + h + steepness);
    mass += weight * std::exp(-change);  // of the cell that begins at u
    const double density = weight / h * s_ / std::exp(high - log_r);
    variation += std::abs(density - next);
    next = density;
    largest_hidden = std::max(largest_hidden, density * std::expm1(change));
    tails_[i] = {mass, (density + variation + 6 * largest_hidden) * (1 + 1e-9)};
  }
}

double LossMoment::decay(double omega) const {
  if (moment_ == kInfinity) return 1;
  if (tails_.empty()) make_tails();
  double gain = 0;
  for (const Tail& tail : tails_) gain = std::max(gain, tail.mass - tail.variation / omega);
  return 1 - std::min(1.0, gain * (1 - 1e-9) / moment_);
}

}  // namespace sotto::privacy

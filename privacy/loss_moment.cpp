#include <fmt/format.h>
#include <sotto/privacy/erfcx.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/loss_moment.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kRoundoff = std::numeric_limits<double>::epsilon() / 2;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kUnderflow = std::numeric_limits<double>::denorm_min();  // of the weight of a node
constexpr double kPi = boost::math::constants::pi<double>();
constexpr int kFirstLevel = 2;
constexpr int kLastLevel = 14;
constexpr double kMostNodes = 1 << 18;  // of the first grid; more are needed where the moment is beyond a double
constexpr int kTailLevel = 8;           // grid on which masses and variations are bounded

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

  // Beyond this many standard deviations nothing reaches the tolerance, see the tails in log_at().
  const double powers = direction == Direction::remove ? kappa_ * std::log(2.0) : kappa_ * std::log1p(-q_);
  const double reach = std::sqrt(2 * (10 - std::log(tolerance_) + powers));
  low_ = -reach;
  high_ = std::max({0.0, 1 / s_, kappa_ / s_}) + reach;

  if (nodes(0) > kMostNodes) {
    slope_ = moment_ = kInfinity;
    return;
  }
  double moment = 0, slope = 0;
  for (const Node& node : nodes_at(level_of(0))) {
    const double power = node.weight * (node.expm1_kl + 1);
    moment += power;
    slope += power * node.log_r;
  }
  slope_ = (direction == Direction::remove ? slope : -slope) / moment;
  moment_ = std::isfinite(moment) ? moment * (1 + 1e-9) : kInfinity;
  if (moment_ == kInfinity) slope_ = kInfinity;
}

LossMoment::Node LossMoment::node(double u, double h) const {
  Node node{};
  node.weight = h * std::exp(-u * u / 2) / std::sqrt(2 * kPi);
  const double y = u / s_ - 0.5 / (s_ * s_);
  double share;  // dL/dy
  double part;   // |L| before the logarithm
  if (y < 30) {
    const double x = q_ * std::expm1(y);
    node.log_r = std::log1p(x);
    share = q_ * std::exp(y) / (1 + x);
    part = std::abs(x) / (1 + x);
  } else {
    const double low = std::log1p(-q_), high = std::log(q_) + y;
    node.log_r = std::max(low, high) + std::log1p(std::exp(-std::abs(high - low)));
    share = 1 / (1 + std::exp(low - high));
    part = 1 + std::abs(high);
  }
  node.expm1_l = std::expm1(node.log_r);
  node.expm1_kl = std::expm1(kappa_ * node.log_r);
  node.shift = kRoundoff * (4 * std::abs(node.log_r) + 4 * part + 4 * share * (std::abs(u) / s_ + 0.5 / (s_ * s_)));
  node.rounding = u * u + 16;
  return node;
}

double LossMoment::discretisation_error(double omega, double h) const {
  // The height of the strip that makes the bound smallest; cos(a / s) must stay away from 0.
  const double a = std::min(s_, 2 * kPi / h - omega / s_);
  if (!(a > 0)) return kInfinity;
  const double kappa = std::hypot(kappa_, omega);
  const double lowered = kappa_ < 0 ? kappa_ * std::log(std::cos(a / s_)) : 0.0;
  const double log_decay = 2 * kPi * a / h;
  const double power = a * a / 2 + omega * a / s_ + lowered + std::log(std::max(moment_, 1.0));
  const double rest = a * a / 2 + std::log(1 + 2 * kappa);
  return 2.1 * (std::exp(power - log_decay) + std::exp(rest - log_decay));
}

int LossMoment::level_of(double omega) const {
  for (int level = kFirstLevel; level < kLastLevel; ++level)
    if (discretisation_error(omega, std::ldexp(1.0, -level)) <= tolerance_) return level;
  return kLastLevel;
}

const std::vector<LossMoment::Node>& LossMoment::nodes_at(int level) const {
  if (levels_.empty()) levels_.resize(kLastLevel + 1);
  std::vector<Node>& nodes = levels_[static_cast<std::size_t>(level)];
  if (nodes.empty()) {
    const double h = std::ldexp(1.0, -level);
    const auto first = static_cast<std::int64_t>(std::floor(low_ / h));
    const auto last = static_cast<std::int64_t>(std::ceil(high_ / h));
    nodes.reserve(static_cast<std::size_t>(last - first + 1));
    for (std::int64_t j = first; j <= last; ++j) nodes.push_back(node(static_cast<double>(j) * h, h));
  }
  return nodes;
}

double LossMoment::nodes(double omega) const {
  return (high_ - low_) * std::ldexp(1.0, level_of(omega));
}

CertifiedLog LossMoment::log_at(double omega) const {
  if (moment_ == kInfinity) return {{kInfinity, 0}, kInfinity};
  const int level = level_of(omega);
  const std::complex<double> kappa(kappa_, omega);
  const double size = std::abs(kappa), size_less = std::abs(kappa - 1.0);
  const std::complex<double> square = kappa * (kappa - 1.0) * 0.5;

  double real = 0, imaginary = 0, error = 0, total = 0;
  for (const Node& node : nodes_at(level)) {
    const double l = node.log_r, magnitude = std::max(1.0, size) * std::abs(l);
    if (magnitude < 0.5) {
      // g = kappa (kappa - 1) L^2 / 2 sum_m (2 / m!) (1 + kappa + ... + kappa^(m-2)) L^(m-2)
      const int terms = magnitude < 1e-3 ? 7 : magnitude < 0.03 ? 10 : 17;
      std::complex<double> geometric = 1, sum = 1;
      double power = 1;
      for (int m = 3; m <= terms; ++m) {
        geometric = kappa * geometric + 1.0;
        power *= l / m;
        sum += geometric * power;
      }
      const std::complex<double> g = square * (l * l) * sum;
      real += node.weight * g.real();
      imaginary += node.weight * g.imag();
      const double bound = size * size_less * l * l;  // of |g|
      error +=
          node.weight * (4 * size * size_less * std::abs(l) * node.shift + bound * (64 + node.rounding) * kRoundoff);
      total += node.weight * bound;
    } else {
      const double half = omega * l / 2;
      const double sine = std::sin(half), cosine = std::cos(half);
      const double exponential = node.expm1_kl + 1;  // |e^{kappa L}|
      const double g_real = node.expm1_kl - exponential * 2 * sine * sine - kappa.real() * node.expm1_l;
      const double g_imaginary = 2 * exponential * sine * cosine - kappa.imag() * node.expm1_l;
      real += node.weight * g_real;
      imaginary += node.weight * g_imaginary;
      const double bound = std::abs(node.expm1_kl) + 2 * exponential * std::abs(sine) + size * std::abs(node.expm1_l);
      error += node.weight * (size * (exponential + node.expm1_l + 1) * node.shift +
                              kRoundoff * (bound * (16 + node.rounding) + 8 * magnitude * exponential)) +
               kUnderflow * bound;
      total += node.weight * bound;
    }
  }
  const auto count = static_cast<double>(nodes_at(level).size());
  error += count * kRoundoff * total;

  // What lies outside the range of the nodes: r <= 1 on the left, r <= 2 max(1, q e^y) on the right, r >= 1 - q.
  const double left = normal_upper_tail(-low_), right = normal_upper_tail(high_);
  const double lowest = kappa_ < 0 ? std::exp(kappa_ * std::log1p(-q_)) : 1.0;
  error += left * (lowest + 1 + 2 * size) + right * (1 + 2 * size) + size * normal_upper_tail(high_ - 1 / s_);
  error += kappa_ > 0 ? std::exp2(kappa_) * (right + moment_ * normal_upper_tail(high_ - kappa_ / s_)) : right * lowest;
  error += discretisation_error(omega, std::ldexp(1.0, -level));

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
  const double h = std::ldexp(1.0, -kTailLevel);
  const std::vector<Node>& nodes = nodes_at(kTailLevel);
  tails_.resize(nodes.size());
  const double steepness = (std::abs(kappa_) + 2) / s_;
  double mass = 0, largest_hidden = 0, variation = 0, next = 0;
  for (std::size_t i = nodes.size(); i-- > 0;) {
    const double u = (std::floor(low_ / h) + static_cast<double>(i)) * h;
    const double y = u / s_ - 0.5 / (s_ * s_);
    const double weight = nodes[i].weight * (nodes[i].expm1_kl + 1);  // h w(u)
    const double change = h * (std::abs(u) + h + steepness);
    mass += weight * std::exp(-change);  // of the cell that begins at u
    const double density = weight / h * s_ / std::exp(std::log(q_) + y - nodes[i].log_r);
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

#include <fmt/format.h>
#include <sotto/privacy/erfcx.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/moment_envelope.h>
#include <sotto/privacy/rdp.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <cstddef>

namespace sotto::privacy {
namespace {

constexpr double kPi = boost::math::constants::pi<double>();
constexpr double kReach = 13;  // standard deviations
constexpr int kCells = 1 << 13;
constexpr double kMargin = 1e-8;  // relative; covers the rounding of every bound, which is below 1e-9
constexpr double kGreatestHeight = 1;

// Upper bound of r^p - 1 - p (r - 1) >= 0, p >= 1.
double convex_excess(double log_r, double power) {
  const double change = std::expm1(log_r);
  if (power * std::abs(log_r) < 1e-3) return 0.505 * power * (power - 1) * change * change;
  return (std::expm1(power * log_r) - power * change) * (1 + kMargin);
}

}  // namespace

MomentEnvelope::MomentEnvelope(const PoissonSampled& event, double greatest_power)
    : q_(event.sampling_rate), s_(event.mechanism.noise_multiplier) {
  validate(event);
  if (!(q_ > 0 && q_ < 1 && s_ >= kSmallestQuadratureNoise))
    throw UsageError(
        fmt::format("[MomentEnvelope] sampling_rate {} with noise_multiplier {}; must be in (0, 1) and at "
                    "least {}",
                    q_, s_, kSmallestQuadratureNoise));
  if (!(greatest_power >= 1 && std::isfinite(greatest_power)))
    throw UsageError(fmt::format("[MomentEnvelope] power: {}; must be finite and at least 1", greatest_power));
  height_ = std::min(kGreatestHeight, s_ * kPi / 2);
  const double low = -kReach, high = greatest_power / s_ + kReach;
  step_ = (high - low) / kCells;
  const double cosine = std::cos(height_ / s_), sine = std::sin(height_ / s_);
  for (int j = 0; j <= kCells; ++j) {
    const double u = low + j * step_, y = u / s_ - 0.5 / (s_ * s_);
    Node node{};
    node.log_density = -u * u / 2 - std::log(2 * kPi) / 2;
    // r = rest + tilted, both scaled by exp(-max(y, 0))
    const double scale = std::max(y, 0.0), rest = (1 - q_) * std::exp(-scale), tilted = q_ * std::exp(y - scale);
    node.log_r = y < 30 ? std::log1p(q_ * std::expm1(y)) : scale + std::log(rest + tilted);
    node.log_modulus = scale + std::log(std::hypot(rest + tilted * cosine, tilted * sine));
    node.angle = std::atan2(tilted * sine, rest + tilted * cosine);
    node.real_part = -normal_upper_tail(u);
    node.slope = q_ * (normal_upper_tail(u) - normal_upper_tail(u - 1 / s_));
    nodes_.push_back(node);
  }
}

std::vector<double> MomentEnvelope::excess(double power, double omega) const {
  SOTTO_ASSERT(power >= 1 && omega > 0);
  const std::size_t count = nodes_.size();
  std::vector<double> result(count);
  // G, from the left; what lies before the first node has r in [1 - q, 1].
  double convex = normal_upper_tail(kReach) * convex_excess(std::log1p(-q_), power);
  double before = convex_excess(nodes_[0].log_r, power), density_before = std::exp(nodes_[0].log_density);
  for (std::size_t j = 0; j < count; ++j) {
    const Node& node = nodes_[j];
    const double value = convex_excess(node.log_r, power), density = std::exp(node.log_density);
    if (j > 0) convex += step_ * std::max({density, density_before}) * std::max(value, before);
    before = value;
    density_before = density;
    const double climb = height_ * std::exp(node.log_density + height_ * height_ / 2 + power * node.log_r);
    result[j] = node.real_part + power * node.slope + (convex + climb) * (1 + kMargin);
  }
  // D, from the right. Beyond the last node r <= 2 max(1, q e^y).
  const double raised = height_ * height_ / 2;
  const double last = power * std::log(2.0) + raised - omega * nodes_.back().angle;
  const double high = -kReach + kCells * step_;
  double damped = std::exp(last + power * std::log(q_) + power * (power - 1) / (2 * s_ * s_)) *
                      normal_upper_tail(high - power / s_) +
                  std::exp(last) * normal_upper_tail(high);
  for (std::size_t j = count; j-- > 0;) {
    if (j + 1 < count)
      damped += step_ * std::exp(std::max(nodes_[j].log_density, nodes_[j + 1].log_density) + raised +
                                 power * nodes_[j + 1].log_modulus - omega * nodes_[j].angle);
    result[j] += damped * (1 + kMargin);
    if (std::isnan(result[j])) result[j] = HUGE_VAL;
  }
  return result;
}

}  // namespace sotto::privacy

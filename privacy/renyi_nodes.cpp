#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/renyi_nodes.h>

#include <algorithm>
#include <array>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <limits>
#include <utility>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kReach = 10;  // standard deviations beyond the outermost peak
constexpr double kCoarseStep = 0.4, kFineStep = 0.25;
constexpr double kMostNodes = 12000;
// Above this the moment is so large that A - 1 and A are the same number.
constexpr double kLargestPlainExponent = 600;
constexpr double kNegligibleNats = 45;

// g / (order (order - 1) L^2 / 2) = sum_{m>=2} (2 / m!) (1 + order + ... + order^(m-2)) L^(m-2), for |order L| < 1/2.
class SmallLossSeries {
 public:
  explicit SmallLossSeries(double order) {
    double geometric = 1, factor = 1;
    for (std::size_t i = 0; i < coefficients_.size(); ++i) {
      coefficients_[i] = geometric * factor;
      geometric = order * geometric + 1;
      factor /= static_cast<double>(i + 3);
    }
  }
  double at(double log_ratio) const {
    double sum = 0;
    for (std::size_t i = coefficients_.size(); i-- > 0;) sum = sum * log_ratio + coefficients_[i];
    return sum;
  }

 private:
  std::array<double, 15> coefficients_;  // the 16th term is about 1e-17
};

// log(1 - q + q e^y)
double log_mixture(double q, double log_q, double log_1mq, double y) {
  if (std::abs(y) >= 30) {
    const double low = std::min(log_1mq, log_q + y), high = std::max(log_1mq, log_q + y);
    return high + std::log1p(std::exp(low - high));
  }
  const double excess = q * std::expm1(y);
  return excess > -0.5 ? std::log1p(excess) : std::log((1 - q) + q * std::exp(y));
}

// log sum_i p_i e^(c_i u - c_i^2 / 2)
double log_mixture_ratio(const std::vector<double>& centres, const std::vector<double>& probabilities, double u) {
  double largest = -kInfinity, excess = 0;
  for (std::size_t i = 0; i < centres.size(); ++i) {
    const double y = centres[i] * (u - centres[i] / 2);
    largest = std::max(largest, y);
    excess += probabilities[i] * std::expm1(std::min(y, 30.0));
  }
  if (largest < 30 && excess > -0.5) return std::log1p(excess);
  double sum = 0;
  for (std::size_t i = 0; i < centres.size(); ++i)
    sum += probabilities[i] * std::exp(centres[i] * (u - centres[i] / 2) - largest);
  return largest + std::log(sum);
}

RenyiNodes::Pair reversed(RenyiNodes::Pair pair, double steepness) {
  auto at = std::move(pair.at);
  return {.at =
              [at = std::move(at)](double u) {
                const RenyiNodes::Value value = at(u);
                return RenyiNodes::Value{value.log_weight + value.log_ratio, -value.log_ratio};
              },
          .steepness = steepness,
          .largest_step = kFineStep,
          .low = steepness,
          .low_per_order = -steepness,
          .high = steepness,
          .high_per_order = 0};
}

}  // namespace

RenyiNodes::RenyiNodes(Pair pair)
    : pair_(std::move(pair)), step_(std::min(pair_.largest_step, 0.45 / pair_.steepness)), right_{}, left_{} {}

void RenyiNodes::extend(Side& side, double sign, int offset) {
  for (int i = static_cast<int>(side.nodes.size()); i <= side.last; ++i) {
    const Value value = pair_.at(sign * step_ * (i + offset));
    const double weight = std::exp(value.log_weight);
    const double tilted = std::exp(value.log_weight + value.log_ratio);
    const double loss = value.log_ratio > 30 ? weight - tilted : -weight * std::expm1(value.log_ratio);
    side.nodes.push_back({value.log_weight, value.log_ratio, weight, tilted, loss});
  }
}

std::optional<double> RenyiNodes::divergence(double order) {
  if (!(order <= kLargestQuadratureOrder)) return std::nullopt;
  const double low = std::floor((pair_.low + pair_.low_per_order * order - kReach) / step_);
  const double high = std::ceil((pair_.high + pair_.high_per_order * order + kReach) / step_);
  if (!(high - low < kMostNodes && std::abs(low) < kMostNodes && std::abs(high) < kMostNodes)) return std::nullopt;
  right_.first = std::max(0, static_cast<int>(low));
  right_.last = static_cast<int>(high);
  left_.first = std::max(0, -static_cast<int>(high) - 1);
  left_.last = -static_cast<int>(low) - 1;
  extend(right_, 1, 0);
  extend(left_, -1, 1);

  const double order_m1 = order - 1;
  const double spacing = step_ / boost::math::constants::root_two_pi<double>();
  double peak = -kInfinity;
  for (const Side* side : {&left_, &right_})
    for (int i = side->first; i <= side->last; ++i)
      peak = std::max(peak, side->nodes[i].log_weight + order * side->nodes[i].log_ratio);

  double sum = 0;
  if (peak > kLargestPlainExponent) {
    for (const Side* side : {&left_, &right_})
      for (int i = side->first; i <= side->last; ++i) {
        const double exponent = side->nodes[i].log_weight + order * side->nodes[i].log_ratio - peak;
        if (exponent > -kNegligibleNats) sum += std::exp(exponent);
      }
    return (peak + std::log(sum * spacing)) / order_m1;
  }

  const SmallLossSeries series(order);
  const double inverse = order_m1 > 0 ? 1 / order_m1 : 0;
  for (const Side* side : {&left_, &right_})
    for (int i = side->first; i <= side->last; ++i) {
      const Node& node = side->nodes[i];
      const double tilt = order_m1 * node.log_ratio;
      if (std::abs(order * node.log_ratio) < 0.5)
        sum += node.weight * node.log_ratio * (order / 2 * node.log_ratio) * series.at(node.log_ratio);
      else if (order_m1 == 0)
        sum += node.tilted_weight * node.log_ratio + node.loss;
      else if (tilt > 1)
        sum += (std::exp(node.log_weight + order * node.log_ratio) - node.tilted_weight) * inverse + node.loss;
      else
        sum += node.tilted_weight * inverse * (tilt < -1 ? std::exp(tilt) - 1 : std::expm1(tilt)) + node.loss;
    }
  const double scaled = sum * spacing;  // (A - 1) / (order - 1)
  SOTTO_ASSERT(scaled >= 0 && scaled < kInfinity);
  return order_m1 == 0 ? scaled : std::log1p(order_m1 * scaled) / order_m1;
}

RenyiNodes::Pair removal_pair(double sampling_rate, double noise_multiplier) {
  const double q = sampling_rate, log_q = std::log(q), log_1mq = std::log1p(-q), inverse = 1 / noise_multiplier;
  return {.at =
              [=](double u) {
                return RenyiNodes::Value{-u * u / 2, log_mixture(q, log_q, log_1mq, inverse * (u - inverse / 2))};
              },
          .steepness = inverse,
          .largest_step = kCoarseStep,
          .low = 0,
          .low_per_order = 0,
          .high = 0,
          .high_per_order = inverse};
}

RenyiNodes::Pair addition_pair(double sampling_rate, double noise_multiplier) {
  return reversed(removal_pair(sampling_rate, noise_multiplier), 1 / noise_multiplier);
}

RenyiNodes::Pair replacement_pair(double sampling_rate, double noise_multiplier) {
  const double q = sampling_rate, log_q = std::log(q), log_1mq = std::log1p(-q), inverse = 1 / noise_multiplier;
  const auto at = [=](double u) {
    const double distance = std::abs(u), near = inverse * (distance - inverse / 2),
                 far = inverse * (-distance - inverse / 2);
    const double log_far = log_mixture(q, log_q, log_1mq, far);  // the record's part on the other side
    const double gap = 2 * inverse * distance;
    const double log_near = log_mixture(q, log_q, log_1mq, near);
    // r+ / r- - 1 without cancellation, as long as nothing overflows.
    const double ratio =
        near < 30 ? std::log1p(std::exp(log_q + near - log_far) * -std::expm1(-gap)) : log_near - log_far;
    return u >= 0 ? RenyiNodes::Value{-u * u / 2 + log_far, ratio} : RenyiNodes::Value{-u * u / 2 + log_near, -ratio};
  };
  return {.at = at,
          .steepness = inverse,
          .largest_step = kFineStep,
          .low = -inverse,
          .low_per_order = 0,
          .high = 0,
          .high_per_order = 2 * inverse};
}

RenyiNodes::Pair mixture_removal_pair(double standard_deviation, std::vector<double> sensitivities,
                                      std::vector<double> probabilities) {
  for (double& sensitivity : sensitivities) sensitivity /= standard_deviation;
  const double largest = *std::max_element(sensitivities.begin(), sensitivities.end());
  return {.at =
              [centres = std::move(sensitivities), probabilities = std::move(probabilities)](double u) {
                return RenyiNodes::Value{-u * u / 2, log_mixture_ratio(centres, probabilities, u)};
              },
          .steepness = largest,
          .largest_step = kCoarseStep,
          .low = 0,
          .low_per_order = 0,
          .high = 0,
          .high_per_order = largest};
}

RenyiNodes::Pair mixture_addition_pair(double standard_deviation, std::vector<double> sensitivities,
                                       std::vector<double> probabilities) {
  RenyiNodes::Pair removal =
      mixture_removal_pair(standard_deviation, std::move(sensitivities), std::move(probabilities));
  const double steepness = removal.steepness;
  return reversed(std::move(removal), steepness);
}

}  // namespace sotto::privacy

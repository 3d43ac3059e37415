#include <sotto/privacy/erfcx.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/loss_pair.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <limits>
#include <utility>

namespace sotto::privacy {
namespace {

constexpr double kRoundoff = std::numeric_limits<double>::epsilon() / 2;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRootTwoPi = boost::math::constants::root_two_pi<double>();
constexpr double kLargeExponent = 30;

using Mixture = GaussianMixturePair::Mixture;

// Mass of N(0, 1) in [a, b] with a bound of its relative error.
struct NormalMass {
  double mass;
  double error;
};

// [a, b] - shift. Short intervals keep their width, which the difference of shifted ends would lose.
NormalMass normal_mass(double a, double b, double shift) {
  const double middle = (a + b) / 2 - shift, half = (b - a) / 2;
  if (half * std::max(1.0, std::abs(middle)) < 0.1) {
    // phi(m) 2 d sum_k d^(2k) He_2k(m) / (2k+1)!; the next term is below 1e-18 of the first.
    const double x = middle * middle, d = half * half;
    const double he2 = x - 1, he4 = (x - 6) * x + 3, he6 = ((x - 15) * x + 45) * x - 15;
    const double he8 = (((x - 28) * x + 210) * x - 420) * x + 105;
    const double sum = 1 + d * (he2 / 6 + d * (he4 / 120 + d * (he6 / 5040 + d * (he8 / 362880))));
    const double reach = std::abs(middle);
    return {std::exp(-x / 2) / kRootTwoPi * 2 * half * sum,
            kRoundoff * (32 + 4 * x + 4 * reach * (reach + 2 * std::abs(shift)))};
  }
  // On the side of the smaller tails; the difference keeps at least a tenth of the larger.
  if (middle < 0) return normal_mass(-b, -a, -shift);
  const double from = a - shift, to = b - shift;
  const double mass = from <= 0 ? 1 - normal_upper_tail(-from) - normal_upper_tail(to)
                                : normal_upper_tail(from) - (to < kInfinity ? normal_upper_tail(to) : 0);
  const double nearest = std::max(0.0, from);
  return {std::max(0.0, mass), 12 * kRoundoff * (32 + 4 * (nearest + 1) * (nearest + 2 * std::abs(shift) + 1))};
}

struct Total {
  double mass = 0;
  double error = 0;  // absolute
};

Total mixture_mass(const Mixture& mixture, double a, double b) {
  Total total;
  for (const auto& [shift, weight] : mixture) {
    const NormalMass part = normal_mass(a, b, shift);
    total.mass += weight * part.mass;
    total.error += weight * part.mass * (part.error + 8 * kRoundoff);
  }
  return total;
}

// log sum_i weight_i e^(shift_i u - shift_i^2 / 2), exact near 0; below, 1 + sum would lose the digits of small
// weights.
double log_ratio(const Mixture& mixture, double u) {
  if (mixture.size() == 1) return mixture.front().shift * (u - mixture.front().shift / 2);
  double largest = -kInfinity, sum = 0;
  for (const auto& [shift, weight] : mixture) largest = std::max(largest, shift * (u - shift / 2));
  if (largest < kLargeExponent) {
    for (const auto& [shift, weight] : mixture)
      if (shift != 0) sum += weight * std::expm1(shift * (u - shift / 2));
    if (sum > -0.5) return std::log1p(sum);
    sum = 0;  // what is left of 1 would have lost its digits
  }
  for (const auto& [shift, weight] : mixture) sum += weight * std::exp(shift * (u - shift / 2) - largest);
  return largest + std::log(sum);
}

double log_ratio_slope(const Mixture& mixture, double u) {
  double largest = -kInfinity, sum = 0, moment = 0;
  for (const auto& [shift, weight] : mixture) largest = std::max(largest, shift * (u - shift / 2));
  for (const auto& [shift, weight] : mixture) {
    const double part = weight * std::exp(shift * (u - shift / 2) - largest);
    sum += part;
    moment += shift * part;
  }
  return moment / sum;
}

double log_ratio_error(const Mixture& mixture, double u) {
  double largest = 0;
  for (const auto& [shift, weight] : mixture)
    largest = std::max(largest, std::abs(shift) * (std::abs(u) + std::abs(shift)));
  return kRoundoff * (8 + 8 * largest);
}

// log((e^value - 1 + weight) / weight): the exponent at which 1 - weight + weight e^exponent is e^value.
double sampled_exponent(double weight, double value) {
  if (value > -0.5) return std::log1p(std::expm1(value) / weight);
  return weight < 1 ? std::log(std::exp(value) - (1 - weight)) - std::log(weight) : value;
}

// In the order of shifts, each once.
Mixture sorted(Mixture mixture) {
  std::sort(mixture.begin(), mixture.end(), [](const auto& a, const auto& b) { return a.shift < b.shift; });
  Mixture merged;
  for (const auto& component : mixture) {
    if (!merged.empty() && merged.back().shift == component.shift)
      merged.back().weight += component.weight;
    else
      merged.push_back(component);
  }
  return merged;
}

// The u at which a falling function, a tail, comes down to `tail`; the tail there is at most that.
template <class Tail>
double cut(const Tail& tail_at, double start, double tail) {
  double low = start, high = start + 1;
  for (int i = 0; i < 60 && tail_at(high) > tail; ++i) low = high, high += 1 << std::min(i, 20);
  for (int i = 0; i < 40 && high - low > 1e-3; ++i) {
    const double middle = (low + high) / 2;
    (tail_at(middle) > tail ? low : high) = middle;
  }
  return high;
}

}  // namespace

GaussianMixturePair::GaussianMixturePair(Mixture p, Mixture q) : p_(sorted(std::move(p))), q_(sorted(std::move(q))) {
  SOTTO_ASSERT(!p_.empty() && !q_.empty() && q_.back().shift <= p_.back().shift &&
               q_.front().shift <= p_.front().shift);
}

GaussianMixturePair GaussianMixturePair::exchanged() const {
  Mixture p = q_, q = p_;
  for (Component& component : p) component.shift = -component.shift;
  for (Component& component : q) component.shift = -component.shift;
  return {std::move(p), std::move(q)};
}

double GaussianMixturePair::loss(double u) const {
  if (std::isfinite(u)) return log_ratio(p_, u) - log_ratio(q_, u);
  const Component& top = u > 0 ? p_.back() : p_.front();
  const Component& bottom = u > 0 ? q_.back() : q_.front();
  if (top.shift != bottom.shift) return u;
  // One weight of a sum is 1 - the others: taken from them, it keeps its digits.
  const auto log_weight = [](const Mixture& mixture, const Component& of) {
    double others = 0;
    for (const Component& component : mixture) others += &component == &of ? 0 : component.weight;
    return others < 0.5 ? std::log1p(-others) : std::log(of.weight);
  };
  return log_weight(p_, top) - log_weight(q_, bottom);
}

double GaussianMixturePair::slope(double u) const {
  return std::max(0.0, log_ratio_slope(p_, u) - log_ratio_slope(q_, u));
}

LossPair::Inverse GaussianMixturePair::inverse(double value, double low, double high) const {
  const bool removing = p_.size() <= 2 && q_.size() == 1 && q_.front().shift == 0 && p_.back().shift > 0 &&
                        (p_.size() == 1 || p_.front().shift == 0);
  const bool adding = q_.size() <= 2 && p_.size() == 1 && p_.front().shift == 0 && q_.front().shift < 0 &&
                      (q_.size() == 1 || q_.back().shift == 0);
  double u = std::numeric_limits<double>::quiet_NaN();
  if (removing) {
    const auto& [shift, weight] = p_.back();
    u = sampled_exponent(weight, value) / shift + shift / 2;
  } else if (adding) {
    const auto& [shift, weight] = q_.front();
    u = sampled_exponent(weight, -value) / shift + shift / 2;
  }
  // A loss changes by at most as much as its exponent, whose rounding is that of loss() once more.
  if (u > low && u < high && std::abs(value) > 1e-3 * std::numeric_limits<double>::min())
    return {u, 4 * loss_error(u) + 8 * kRoundoff * std::abs(value)};
  return inverse_by_search(value, low, high);
}

LossPair::Inverse GaussianMixturePair::inverse_by_search(double value, double low, double high) const {
  double u = low, excess = loss(u) - value;
  for (int i = 0; i < 200 && std::abs(excess) > 4 * kRoundoff * (1 + std::abs(value)); ++i) {
    (excess > 0 ? high : low) = u;
    const double next = u - excess / slope(u);
    u = next > low && next < high ? next : (low + high) / 2;
    excess = loss(u) - value;
    if (!(u > low && u < high)) break;
  }
  return {u, std::abs(excess) + loss_error(u)};
}

double GaussianMixturePair::loss_error(double u) const {
  return log_ratio_error(p_, u) + log_ratio_error(q_, u);
}

PairMass GaussianMixturePair::mass(double a, double b) const {
  const Total p = mixture_mass(p_, a, b), q = mixture_mass(q_, a, b);
  const double error_p = p.mass > 0 ? p.error / p.mass : 0, error_q = q.mass > 0 ? q.error / q.mass : 0;
  return {p.mass, q.mass, std::max(error_p, error_q)};
}

double GaussianMixturePair::right_cut(double tail) const {
  const auto tail_at = [this](double u) {
    double sum = 0;
    for (const auto& [shift, weight] : p_) sum += weight * normal_upper_tail(u - shift);
    return sum * (1 + 1e-9);
  };
  return cut(tail_at, p_.front().shift, tail);
}

double GaussianMixturePair::left_cut(double tail) const {
  const auto tail_at = [this](double u) {
    double sum = 0;
    for (const auto& [shift, weight] : p_) sum += weight * normal_upper_tail(u + shift);
    return sum * (1 + 1e-9);
  };
  return -cut(tail_at, -p_.back().shift, tail);
}

double GaussianMixturePair::centre() const {
  return std::max_element(p_.begin(), p_.end(), [](const auto& a, const auto& b) { return a.weight < b.weight; })
      ->shift;
}

double LaplacePair::loss(double u) const {
  return std::clamp(u, -end_, end_);
}

PairMass LaplacePair::mass(double a, double b) const {
  const double from = std::max(a, -end_), to = std::min(b, end_);
  if (!(from < to)) return {0, 0, 0};
  const double width = std::expm1((to - from) / 2) / 2;
  return {std::exp((from - end_) / 2) * width, std::exp((-to - end_) / 2) * width,
          kRoundoff * (16 + 4 * end_ + 4 * end_ / (to - from))};
}

}  // namespace sotto::privacy

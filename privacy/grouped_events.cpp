#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/grouped_events.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double quotient_rounded_down(double numerator, double denominator) {
  const double quotient = numerator / denominator;
  return std::fma(quotient, denominator, -numerator) > 0 ? std::nextafter(quotient, 0) : quotient;
}

double product_rounded_up(double a, double b) {
  const double product = a * b;
  return std::fma(a, b, -product) > 0 ? std::nextafter(product, kInfinity) : product;
}

// Pr[Bin(k, q) = j] for j = 0 .. k, 0 < q < 1, each within 1e-15 k of itself. Mantissa and exponent are kept apart: the
// first may underflow while the others do not.
std::vector<double> binomial(int64_t k, double q) {
  int exponent = 0;
  double mantissa = 1;
  const auto multiply = [&](double factor) {
    int shift = 0;
    mantissa = std::frexp(mantissa * factor, &shift);
    exponent += shift;
  };
  for (int64_t i = 0; i < k; ++i) multiply(1 - q);
  std::vector<double> probabilities = {std::ldexp(mantissa, exponent)};
  for (int64_t j = 1; j <= k; ++j) {
    multiply(static_cast<double>(k - j + 1) / static_cast<double>(j));
    multiply(q / (1 - q));
    probabilities.push_back(std::ldexp(mantissa, exponent));
  }
  return probabilities;
}

Event mixture_for_group(const PoissonSampled& event, int64_t k) {
  constexpr double kSmallest = 3e-308;
  const double raise = 1 + 3e-15 * static_cast<double>(k);
  const std::vector<double> exact = binomial(k, event.sampling_rate);
  MixtureOfGaussians mixture{event.mechanism.noise_multiplier, {}, {}};
  // From the largest sensitivity down, each takes of the probability that is left; near q = 1 the smallest get nothing.
  double left = 1;
  for (int64_t j = k; j >= 0 && left > 0; --j) {
    const double raised = std::max(exact[static_cast<std::size_t>(j)] * raise, kSmallest);
    const double probability = j == 0 ? left : std::min(left, raised);
    left -= probability;
    mixture.sensitivities.push_back(static_cast<double>(j));
    mixture.probabilities.push_back(probability);
  }
  std::reverse(mixture.sensitivities.begin(), mixture.sensitivities.end());
  std::reverse(mixture.probabilities.begin(), mixture.probabilities.end());
  return mixture;
}

// delta (1 + e^epsilon + ... + e^((k-1) epsilon)), rounded up, at most 1.
double group_delta(double epsilon, double delta, double k) {
  constexpr double kMargin = 1e-12;  // of exp, whose argument is below 750 in size wherever the result is below 1
  if (delta == 0) return 0;
  const double ratio = epsilon > 0 ? std::expm1(-k * epsilon) / std::expm1(-epsilon) : k;
  const double sum = ratio * std::exp((k - 1) * epsilon + std::log(delta)) * (1 + kMargin);
  return std::min(1.0, std::nextafter(sum, kInfinity));
}

class Grouper {
 public:
  Grouper(Adjacency adjacency, int64_t k) : adjacency_(adjacency), k_(k) {}

  Event group(const Event& event) const { return std::visit(*this, event.variant()); }

  Event operator()(const NoOp& event) const { return event; }
  Event operator()(const NonPrivate& event) const { return event; }
  Event operator()(const Gaussian& event) const { return reduced(event); }
  Event operator()(const PoissonSampled& event) const {
    if (event.sampling_rate == 0) return event;
    if (event.mechanism.noise_multiplier == 0) return NonPrivate{};
    if (event.sampling_rate == 1) return reduced(event.mechanism);
    if (adjacency_ == Adjacency::replace_one)
      refuse("Poisson sampling under replace-one", "add-remove or zero-out, or a unit of one record or one user");
    return mixture_for_group(event, k_);
  }
  Event operator()(const WithoutReplacement&) const {
    refuse("sampling without replacement", "a unit of one record or one user");
  }
  Event operator()(const TruncatedPoisson&) const {
    refuse("truncated Poisson sampling",
           "a unit of one record or one user, or Poisson sampling without a largest batch");
  }
  Event operator()(const EpochOnce& event) const { return EpochOnce{event.epochs, reduced(event.mechanism)}; }
  Event operator()(const MixtureOfGaussians&) const {
    refuse("a mixture of Gaussians", "a unit of one record or one user");
  }
  Event operator()(const Laplace& event) const {
    return Laplace{quotient_rounded_down(event.noise_multiplier, static_cast<double>(k_))};
  }
  Event operator()(const ApproxDp& event) const {
    const auto k = static_cast<double>(k_);
    const double epsilon = product_rounded_up(k, event.epsilon);
    if (!std::isfinite(epsilon)) return NonPrivate{};
    return ApproxDp{epsilon, group_delta(event.epsilon, event.delta, k)};
  }
  Event operator()(const SampledDiscreteGaussian& event) const {
    if (event.sampling_rate == 0) return event;
    if (event.noise_multiplier == 0) return NonPrivate{};
    if (event.sampling_rate < 1)
      refuse("Poisson sampling and discrete Gaussian noise", "a unit of one record or one user, or no sampling");
    return SampledDiscreteGaussian{1, quotient_rounded_down(event.noise_multiplier, static_cast<double>(k_))};
  }
  Event operator()(const SelfComposed& event) const { return SelfComposed(group(*event.event), event.count); }
  Event operator()(const Composed& event) const {
    Composed composed;
    for (const Event& part : event.events) composed.events.push_back(group(part));
    return composed;
  }

 private:
  Gaussian reduced(const Gaussian& event) const {
    return Gaussian{quotient_rounded_down(event.noise_multiplier, static_cast<double>(k_))};
  }
  [[noreturn]] void refuse(const char* what, const char* allowed) const {
    throw UsageError(
        fmt::format("[for_group] no bound is offered for a group of {} with {}; allowed is {}", k_, what, allowed));
  }

  Adjacency adjacency_;
  int64_t k_;
};

}  // namespace

Event for_group(Adjacency adjacency, const Event& event, int64_t k) {
  validate(PrivacyUnit{PrivacyUnit::Kind::group, k});
  validate(event);
  return k == 1 ? event : Grouper(adjacency, k).group(event);
}

Event for_unit(const AccountedEvents& events) {
  if (!events.adjacency) throw UsageError("[for_unit] no adjacency; allowed are add_remove, zero_out and replace_one");
  validate(events.unit);
  return for_group(*events.adjacency, events.event, events.unit.size);
}

}  // namespace sotto::privacy

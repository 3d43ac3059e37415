#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/one_step_loss.h>

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRaised = 2e-10;  // of truncated_cases()
using Mixture = GaussianMixturePair::Mixture;

OneStepLoss of_pair(GaussianMixturePair pair, Direction direction) {
  if (direction == Direction::add) pair = pair.exchanged();
  OneStepLoss loss;
  loss.pieces.push_back({std::make_shared<GaussianMixturePair>(std::move(pair)), -kInfinity, kInfinity});
  return loss;
}

GaussianMixturePair against_nothing(Mixture mixture) {
  return {std::move(mixture), Mixture{{0, 1}}};
}

Mixture sampled(double rate, double shift) {
  return {{0, 1 - rate}, {shift, rate}};
}

// Losses above 0 are those of removing under P, losses below 0 those of adding under Q; what is missing from both is no
// loss at all.
OneStepLoss without_replacement(const WithoutReplacement& event) {
  const double rate = static_cast<double>(event.batch_size) / static_cast<double>(event.dataset_size);
  const double shift = 2 / event.mechanism.noise_multiplier;
  const GaussianMixturePair pair = against_nothing(sampled(rate, shift));
  const double even = shift / 2;  // where both densities are equal
  const PairMass above = pair.mass(even, kInfinity);
  OneStepLoss loss;
  loss.pieces.push_back({std::make_shared<GaussianMixturePair>(pair), even, kInfinity});
  loss.pieces.push_back({std::make_shared<GaussianMixturePair>(pair.exchanged()), -kInfinity, -even});
  loss.atoms.push_back({0, std::max(0.0, 1 - above.p - above.q), 1e-15 + above.error * (above.p + above.q)});
  return loss;
}

class OneStep {
 public:
  OneStep(Adjacency adjacency, Direction direction) : adjacency_(adjacency), direction_(direction) {}

  OneStepLoss operator()(const PoissonSampled& event) const {
    const double shift = 1 / event.mechanism.noise_multiplier;
    if (adjacency_ == Adjacency::replace_one)
      return of_pair({sampled(event.sampling_rate, shift), sampled(event.sampling_rate, -shift)}, direction_);
    return of_pair(against_nothing(sampled(event.sampling_rate, shift)), direction_);
  }
  OneStepLoss operator()(const WithoutReplacement& event) const { return without_replacement(event); }
  OneStepLoss operator()(const TruncatedPoisson& event) const {
    OneStepLoss loss;
    for (const TruncatedCase& one : truncated_cases(event)) {
      const double shift = one.shift / event.mechanism.noise_multiplier;
      OneStepLoss part = of_pair(against_nothing(sampled(one.rate, shift)), direction_);
      part.pieces.front().weight = one.probability;
      loss.pieces.push_back(std::move(part.pieces.front()));
    }
    if (loss.pieces.size() > 1) loss.raised = kRaised;
    std::stable_sort(loss.pieces.begin(), loss.pieces.end(),
                     [](const auto& a, const auto& b) { return a.weight > b.weight; });
    return loss;
  }
  OneStepLoss operator()(const MixtureOfGaussians& event) const {
    Mixture mixture;
    for (std::size_t i = 0; i < event.sensitivities.size(); ++i)
      mixture.push_back({event.sensitivities[i] / event.standard_deviation, event.probabilities[i]});
    return of_pair(against_nothing(std::move(mixture)), direction_);
  }
  OneStepLoss operator()(const Laplace& event) const {
    const double scale = adjacency_ == Adjacency::replace_one ? event.noise_multiplier / 2 : event.noise_multiplier;
    const double end = 1 / scale;
    OneStepLoss loss;
    loss.pieces.push_back({std::make_shared<LaplacePair>(scale), -end, end});
    loss.atoms = {{end, 0.5}, {-end, std::exp(-end) / 2}};
    return loss;
  }
  OneStepLoss operator()(const ApproxDp& event) const {
    OneStepLoss loss;
    loss.mass_at_infinity = event.delta;
    const double high = (1 - event.delta) / (1 + std::exp(-event.epsilon));
    loss.atoms.push_back({event.epsilon, high});
    loss.atoms.push_back({-event.epsilon, (1 - event.delta) - high});
    return loss;
  }
  OneStepLoss operator()(const SampledDiscreteGaussian& event) const {
    throw UsageError(fmt::format("[one_step_loss] unsupported event: {}", *why_no_loss(event)));
  }

 private:
  Adjacency adjacency_;
  Direction direction_;
};

}  // namespace

std::optional<std::string> why_no_loss(const SingleRelease& release) {
  if (std::holds_alternative<SampledDiscreteGaussian>(release))
    return "discrete Gaussian noise has no dominating pair in one dimension";
  return std::nullopt;
}

OneStepLoss one_step_loss(const SingleRelease& release, Adjacency adjacency, Direction direction) {
  return std::visit(OneStep(adjacency, direction), release);
}

OneStepLoss gaussian_loss(double mean) {
  return of_pair(against_nothing(Mixture{{mean, 1}}), Direction::remove);
}

bool is_symmetric(const SingleRelease& release, Adjacency adjacency) {
  const bool poisson = std::holds_alternative<PoissonSampled>(release);
  return (poisson && adjacency == Adjacency::replace_one) || std::holds_alternative<WithoutReplacement>(release) ||
         std::holds_alternative<Laplace>(release) || std::holds_alternative<ApproxDp>(release);
}

std::vector<TruncatedCase> truncated_cases(const TruncatedPoisson& event) {
  using Binomial = boost::math::binomial_distribution<double>;
  constexpr double kRaise = 1 + kRaised / 2;
  const auto n = static_cast<double>(event.dataset_size), cap = static_cast<double>(event.largest_batch);
  const double q = event.sampling_rate;
  if (cap >= n) return {{1, q, 1}};
  const Binomial others(n - 1, q), all(n, q);
  const double full = boost::math::cdf(boost::math::complement(others, cap - 1));
  std::vector<TruncatedCase> cases = {{std::min(1.0, boost::math::cdf(others, cap - 1) * kRaise), q, 1}};
  if (full > 0) {
    const double joins = cap / n * boost::math::cdf(boost::math::complement(all, cap)) / full;
    cases.push_back({std::min(1.0, full * kRaise), std::min(q, joins * kRaise), 2});
  }
  std::erase_if(cases, [](const TruncatedCase& one) { return one.probability <= 0 || one.rate <= 0; });
  return cases;
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/privacy/discrete_variance.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>

#include <cmath>
#include <numeric>
#include <string_view>

namespace sotto::privacy {
namespace {

void validate_count(std::string_view where, int64_t count) {
  if (count < 0 || count > kMaxCount)
    throw UsageError(fmt::format("[{}] bad count: {}; allowed is an integer from 0 to 2^53", where, count));
}

void validate_size(std::string_view where, std::string_view name, int64_t value, int64_t largest) {
  if (value < 1 || value > largest)
    throw UsageError(fmt::format("[{}] bad {}: {}; allowed is an integer from 1 to {}", where, name, value, largest));
}

void validate_rate(std::string_view where, double rate) {
  if (!std::isfinite(rate) || rate < 0 || rate > 1)
    throw UsageError(fmt::format("[{}] bad sampling_rate: {}; it is a probability in [0, 1]{}", where, rate,
                                 rate > 1 ? " (is this a percentage, or a batch size?)" : ""));
}

class Validator {
 public:
  explicit Validator(int depth) : depth_(depth) {
    if (depth > kDeepestEvent)
      throw UsageError(fmt::format("[Event] nested too deeply; allowed are {} levels", kDeepestEvent));
  }
  void operator()(const NoOp&) const {}
  void operator()(const NonPrivate&) const {}
  void operator()(const Gaussian& event) const { validate(event); }
  void operator()(const PoissonSampled& event) const { validate(event); }
  void operator()(const WithoutReplacement& event) const {
    validate_size("WithoutReplacement", "dataset_size", event.dataset_size, kMaxCount);
    validate_size("WithoutReplacement", "batch_size", event.batch_size, event.dataset_size);
    validate(event.mechanism);
  }
  void operator()(const TruncatedPoisson& event) const {
    validate_rate("TruncatedPoisson", event.sampling_rate);
    validate_size("TruncatedPoisson", "dataset_size", event.dataset_size, kMaxCount);
    validate_size("TruncatedPoisson", "largest_batch", event.largest_batch, kMaxCount);
    validate(event.mechanism);
  }
  void operator()(const EpochOnce& event) const {
    validate_count("EpochOnce", event.epochs);
    validate(event.mechanism);
  }
  void operator()(const MixtureOfGaussians& event) const;
  void operator()(const Laplace& event) const {
    if (!std::isfinite(event.noise_multiplier) || event.noise_multiplier < 0)
      throw UsageError(
          fmt::format("[Laplace] bad noise_multiplier: {}; it is the scale of the noise divided by the sensitivity, "
                      "finite and >= 0",
                      event.noise_multiplier));
  }
  void operator()(const ApproxDp& event) const {
    if (!std::isfinite(event.epsilon) || event.epsilon < 0)
      throw UsageError(fmt::format("[ApproxDp] bad epsilon: {}; allowed is a finite number >= 0", event.epsilon));
    if (!(event.delta >= 0 && event.delta <= 1))
      throw UsageError(fmt::format("[ApproxDp] bad delta: {}; it is a probability in [0, 1]", event.delta));
  }
  void operator()(const SampledDiscreteGaussian& event) const {
    validate_rate("SampledDiscreteGaussian", event.sampling_rate);
    if (!std::isfinite(event.noise_multiplier) || event.noise_multiplier < 0)
      throw UsageError(
          fmt::format("[SampledDiscreteGaussian] bad noise_multiplier: {}; it is the noise parameter sigma divided by "
                      "the largest norm of a record's integer vector, finite and >= 0",
                      event.noise_multiplier));
  }
  void operator()(const SelfComposed& event) const {
    validate_count("SelfComposed", event.count);
    std::visit(Validator(depth_ + 1), event.event->variant());
  }
  void operator()(const Composed& event) const {
    for (const Event& part : event.events) std::visit(Validator(depth_ + 1), part.variant());
  }

 private:
  int depth_;
};

void Validator::operator()(const MixtureOfGaussians& event) const {
  if (!std::isfinite(event.standard_deviation) || event.standard_deviation <= 0)
    throw UsageError(fmt::format("[MixtureOfGaussians] bad standard_deviation: {}; allowed is a finite number > 0",
                                 event.standard_deviation));
  const std::size_t size = event.sensitivities.size();
  if (size == 0 || size > std::size_t{kLargestMixture} || event.probabilities.size() != size)
    throw UsageError(fmt::format(
        "[MixtureOfGaussians] {} sensitivities and {} probabilities; allowed are equally many, from 1 to {}", size,
        event.probabilities.size(), kLargestMixture));
  for (const double sensitivity : event.sensitivities)
    if (!std::isfinite(sensitivity) || sensitivity < 0)
      throw UsageError(
          fmt::format("[MixtureOfGaussians] bad sensitivity: {}; allowed is a finite number >= 0", sensitivity));
  for (const double probability : event.probabilities)
    if (!(probability > 0 && probability <= 1))
      throw UsageError(
          fmt::format("[MixtureOfGaussians] bad probability: {}; allowed is above 0 and at most 1", probability));
  const double total = std::accumulate(event.probabilities.begin(), event.probabilities.end(), 0.0);
  if (std::abs(total - 1) > 1e-12)
    throw UsageError(fmt::format("[MixtureOfGaussians] probabilities sum to {}; they must sum to 1", total));
}

}  // namespace

SelfComposed::SelfComposed(Event repeated, int64_t times)
    : event(std::make_shared<const Event>(std::move(repeated))), count(times) {}

// From the integers: no other number of a lattice is ever accounted.
Event::Event(const StepEvent& step) : variant_(PoissonSampled{step.sampling_rate, step.mechanism}) {
  if (step.lattice)
    variant_ = SampledDiscreteGaussian{step.sampling_rate,
                                       discrete_noise_multiplier(step.lattice->variance, step.lattice->squared_norm)};
}

Event::Event(const Phases& phases) : variant_(Composed{}) {
  Composed& composed = std::get<Composed>(variant_);
  for (const Phase& phase : phases) composed.events.emplace_back(SelfComposed(phase.event, phase.count));
}

void validate(const Gaussian& event) {
  if (!std::isfinite(event.noise_multiplier) || event.noise_multiplier < 0)
    throw UsageError(
        fmt::format("[Gaussian] bad noise_multiplier: {}; it is the noise standard deviation divided by the clip norm, "
                    "finite and >= 0",
                    event.noise_multiplier));
}

void validate(const PoissonSampled& event) {
  validate_rate("PoissonSampled", event.sampling_rate);
  validate(event.mechanism);
}

void validate(const StepEvent& event) {
  if (!event.lattice) return validate(PoissonSampled{event.sampling_rate, event.mechanism});
  validate_rate("StepEvent", event.sampling_rate);
  const double noise = discrete_noise_multiplier(event.lattice->variance, event.lattice->squared_norm);
  if (event.mechanism.noise_multiplier != noise)
    throw UsageError(
        fmt::format("[StepEvent] bad noise_multiplier: {}; that of variance {} and squared norm {} on a lattice is {}",
                    event.mechanism.noise_multiplier, event.lattice->variance, event.lattice->squared_norm, noise));
}

StepEvent lattice_step(double sampling_rate, const LatticeNoise& noise) {
  const StepEvent step{sampling_rate, {discrete_noise_multiplier(noise.variance, noise.squared_norm)}, noise};
  validate(step);
  return step;
}

bool same_parameters(const StepEvent& a, const StepEvent& b) {
  return a.sampling_rate == b.sampling_rate && a.mechanism.noise_multiplier == b.mechanism.noise_multiplier &&
         a.lattice == b.lattice;
}

void validate(const Phase& phase) {
  validate_count("Phase", phase.count);
  validate(phase.event);
}

void validate(const Event& event) {
  std::visit(Validator(0), event.variant());
}

}  // namespace sotto::privacy

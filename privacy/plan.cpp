#include <fmt/format.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/discrete_variance.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/plan.h>

#include <algorithm>
#include <cmath>

namespace sotto::privacy {
namespace {

void validate_count(const char* name, int64_t value, int64_t largest, const char* allowed) {
  if (value < 1 || value > largest)
    throw UsageError(fmt::format("[PrivacyPlan] bad {}: {}; allowed is {}", name, value, allowed));
}

Adjacency checked_adjacency(const PrivacyPlanOptions& options) {
  if (!options.adjacency)
    throw UsageError("[PrivacyPlan] adjacency is not set; say which neighbours are meant: add_remove or zero_out");
  // Training clips to C and adds noise for sensitivity C: a record replaced moves the sum by 2 C.
  if (*options.adjacency != Adjacency::add_remove && *options.adjacency != Adjacency::zero_out)
    throw UsageError(fmt::format("[PrivacyPlan] unsupported adjacency: {}; available are add-remove and zero-out",
                                 to_string(*options.adjacency)));
  return *options.adjacency;
}

double upper_epsilon(Adjacency adjacency, const Phases& phases, double delta) {
  return certified_epsilon({adjacency, {}, phases}, delta).bracket.upper;
}

Phases planned_releases(const StepEvent& step, int64_t steps, const std::optional<PlannedEvaluations>& evaluations) {
  Phases result = {Phase{step, steps}};
  if (evaluations) result.push_back({event_of(*evaluations), evaluations->count});
  return result;
}

void check_evaluations(const PrivacyPlanOptions& options) {
  if (!options.evaluations) return;
  validate(*options.evaluations);
  if (options.evaluations->count > options.steps)
    throw UsageError(
        fmt::format("[PrivacyPlan] bad evaluations: {}; allowed are at most as many as there are steps, {}",
                    options.evaluations->count, options.steps));
  if (options.noise == Noise::discrete)
    throw UsageError(
        "[PrivacyPlan] evaluations on private records with discrete noise: these are released with normal noise only, "
        "and would take from the run what discrete noise is for; leave one of the two out");
}

// Whether any noise of the steps can meet the budget: with as much as one likes, the evaluations remain.
void check_room_for_steps(const PrivacyPlanOptions& options, Adjacency adjacency, const PrivacyBudget& budget) {
  if (!options.evaluations) return;
  const double alone =
      upper_epsilon(adjacency, {{event_of(*options.evaluations), options.evaluations->count}}, budget.delta);
  if (alone >= budget.epsilon)
    throw UsageError(fmt::format(
        "[PrivacyPlan] no room for the steps: {} evaluations with noise multiplier {} alone lose epsilon "
        "{:.6g} at delta {}; allowed is less than {}: plan fewer of them, or with more noise",
        options.evaluations->count, options.evaluations->noise_multiplier, alone, budget.delta, budget.epsilon));
}

// The least noise by the first engine with whose answer all engines together are content; Renyi accounting takes what
// the others refuse.
double calibrated_noise(const PrivacyPlanOptions& options, Adjacency adjacency, const PrivacyBudget& budget,
                        double sampling_rate) {
  validate(budget);
  check_room_for_steps(options, adjacency, budget);
  const auto phases = [&](double noise) {
    return planned_releases(step_of(options.noise, sampling_rate, noise), options.steps, options.evaluations);
  };
  const auto run = [&](double noise) { return AccountedEvents{adjacency, {}, phases(noise)}; };
  std::vector<Method> methods = bracket_methods(run(1));
  methods.push_back(Method::rdp);
  for (const Method method : methods) {
    try {
      const double noise = smallest_noise_multiplier({.budget = budget, .method = method}, run).value;
      if (upper_epsilon(adjacency, phases(noise), budget.delta) <= budget.epsilon) return noise;
    } catch (const UsageError&) {
      if (method == methods.back()) throw;
    }
  }
  throw InternalError(
      fmt::format("[PrivacyPlan] epsilon {} at delta {}: the accountants do not agree that any noise "
                  "meets it",
                  budget.epsilon, budget.delta));
}

StepEvent checked_step(const PrivacyPlanOptions& options) {
  const Adjacency adjacency = checked_adjacency(options);
  validate_count("dataset_size", options.dataset_size, kMaxCount,
                 "the declared number of records, an integer from 1 to 2^53");
  validate_count("expected_batch_size", options.expected_batch_size, options.dataset_size,
                 "an integer from 1 to dataset_size");
  validate_count("steps", options.steps, kMaxCount, "an integer from 1 to 2^53");
  validate_delta(options.delta);
  check_evaluations(options);
  if (options.epsilon.has_value() == options.noise_multiplier.has_value())
    throw UsageError(fmt::format("[PrivacyPlan] {} epsilon and noise_multiplier given; allowed is exactly one of them",
                                 options.epsilon ? "both" : "neither of"));
  const double rate = static_cast<double>(options.expected_batch_size) / static_cast<double>(options.dataset_size);
  if (options.epsilon) {
    return step_of(options.noise, rate,
                   calibrated_noise(options, adjacency, {.epsilon = *options.epsilon, .delta = options.delta}, rate));
  }
  if (!std::isfinite(*options.noise_multiplier) || *options.noise_multiplier <= 0)
    throw UsageError(fmt::format("[PrivacyPlan] bad noise_multiplier: {}; allowed is a finite number > 0",
                                 *options.noise_multiplier));
  return step_of(options.noise, rate, *options.noise_multiplier);
}

}  // namespace

std::string to_string(Noise noise) {
  return noise == Noise::normal ? "normal" : "discrete";
}

Noise parse_noise(const std::string& text) {
  for (const Noise noise : {Noise::normal, Noise::discrete})
    if (text == to_string(noise)) return noise;
  throw UsageError(fmt::format("[parse_noise] unknown kind of noise: '{}'; allowed are normal and discrete", text));
}

StepEvent step_of(Noise noise, double sampling_rate, double noise_multiplier) {
  if (!std::isfinite(noise_multiplier) || noise_multiplier <= 0)
    throw UsageError(
        fmt::format("[step_of] bad noise_multiplier: {}; allowed is a finite number > 0", noise_multiplier));
  if (noise == Noise::normal) return PoissonSampled{sampling_rate, {noise_multiplier}};
  constexpr std::uint64_t kSquaredNorm = kLatticeNorm * kLatticeNorm;
  return lattice_step(sampling_rate, {kSquaredNorm, smallest_discrete_variance(noise_multiplier, kSquaredNorm)});
}

PrivacyPlan::PrivacyPlan(const PrivacyPlanOptions& options)
    : adjacency_(checked_adjacency(options)),
      dataset_size_(options.dataset_size),
      expected_batch_size_(options.expected_batch_size),
      steps_(options.steps),
      delta_(options.delta),
      evaluations_(options.evaluations),
      step_(checked_step(options)),
      epsilon_(upper_epsilon(adjacency_, releases(), delta_)) {
  SOTTO_ASSERT(!options.epsilon || epsilon_ <= *options.epsilon);
}

// Epsilon grows with the steps; its bounds need not.
double PrivacyPlan::epsilon_of(const Phases& charged) const {
  const double epsilon = upper_epsilon(adjacency_, charged, delta_);
  int64_t steps = 0, evaluations = 0;
  for (const Phase& phase : charged) {
    // Where both have the same parameters, each is charged as either.
    const bool is_step = same_parameters(phase.event, step_) && steps + phase.count <= steps_;
    if (!is_step && !(evaluations_ && same_parameters(phase.event, event_of(*evaluations_)))) return epsilon;
    (is_step ? steps : evaluations) += phase.count;
  }
  const bool planned = steps <= steps_ && evaluations <= (evaluations_ ? evaluations_->count : 0);
  return planned ? std::min(epsilon, epsilon_) : epsilon;
}

Phases PrivacyPlan::releases() const {
  return planned_releases(step_, steps_, evaluations_);
}

double PrivacyPlan::epsilon_of_steps() const {
  return std::min(epsilon_, upper_epsilon(adjacency_, {Phase{step_, steps_}}, delta_));
}

std::vector<std::string> PrivacyPlan::warnings() const {
  return budget_warnings({.epsilon = epsilon_, .delta = delta_}, dataset_size_);
}

}  // namespace sotto::privacy

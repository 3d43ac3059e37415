#pragma once
// The privacy plan of a training run: what will be sampled, with how much noise, how often, and the guarantee that
// follows.
//
// Everything here is configuration. In particular the sampling rate is expected_batch_size / dataset_size with a
// dataset size that the user declares: under add-remove adjacency the true number of records is secret, and no part of
// a run may read it.

#include <sotto/privacy/event.h>
#include <sotto/privacy/planned_evaluations.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace sotto::privacy {

// How the noise of a step is drawn.
//   normal     in floating point. Attacks on the low bits of such noise are not covered (Mironov, CCS 2012).
//   discrete   every record's contribution is rounded to integers, these are summed exactly, and discrete Gaussian
//              noise is drawn exactly (discrete_gaussian.h). Accounted by Renyi divergences alone: a larger epsilon
//              for the same noise.
enum class Noise { normal, discrete };

// D, the norm of a record's integer vector: the clip norm is divided into as many parts. Large, so that what rounding
// towards zero takes from a contribution, at most 1 / D of the clip norm in every coordinate, is small beside the
// noise; small enough for noise multipliers up to 2^9 (s^2 = (noise_multiplier D)^2 <= 2^62), for sums of 2^40 records
// in 64 bits, and for sums and noise of ordinary batches to be exact in a float's 24 bits or nearly so.
inline constexpr std::uint64_t kLatticeNorm = std::uint64_t{1} << 22;

// "normal", "discrete".
std::string to_string(Noise noise);
// Inverse of to_string. Throws UsageError naming the text got and those that are allowed.
Noise parse_noise(const std::string& text);

// Of a step that is one or the other.
inline Noise noise_of(const StepEvent& step) {
  return step.lattice ? Noise::discrete : Noise::normal;
}

// The step with at least this noise multiplier: the one given, or, where the noise is discrete, that of the least s^2.
// Throws UsageError for a noise multiplier that is not finite or not above 0, and for one above 2^9 of discrete noise.
StepEvent step_of(Noise noise, double sampling_rate, double noise_multiplier);

struct PrivacyPlanOptions {
  std::optional<Adjacency> adjacency;                       // mandatory; add_remove or zero_out
  int64_t dataset_size = 0;                                 // declared number of records, >= 1
  int64_t expected_batch_size = 0;                          // 1 .. dataset_size; drawn batches vary around it
  int64_t steps = 0;                                        // planned releases, 1 .. 2^53
  double delta = std::numeric_limits<double>::quiet_NaN();  // 0 < delta < 1
  std::optional<double> epsilon = std::nullopt;             // exactly one of these two; see budget.h
  std::optional<double> noise_multiplier = std::nullopt;    // finite, > 0; standard deviation / clip norm
  Noise noise = Noise::normal;  // discrete: the noise multiplier is raised until s^2 is an integer, and at most 2^9
  // Of the model on private records, at most one after each step; normal noise only. The budget covers them too: with
  // `epsilon` the noise of the steps leaves room for them.
  std::optional<PlannedEvaluations> evaluations = std::nullopt;
};

// Immutable, and valid once constructed.
class PrivacyPlan {
 public:
  // Throws UsageError naming the field for every value outside the ranges above, and for an epsilon that cannot be met.
  explicit PrivacyPlan(const PrivacyPlanOptions& options);

  Adjacency adjacency() const { return adjacency_; }
  int64_t dataset_size() const { return dataset_size_; }
  int64_t expected_batch_size() const { return expected_batch_size_; }
  int64_t steps() const { return steps_; }
  double delta() const { return delta_; }
  double sampling_rate() const { return step_.sampling_rate; }
  double noise_multiplier() const { return step_.mechanism.noise_multiplier; }

  const std::optional<PlannedEvaluations>& evaluations() const { return evaluations_; }

  // All that is planned: the steps and, where there are any, the evaluations.
  Phases releases() const;

  // Upper bound for all planned releases by certified_epsilon(), see accountant.h; at most options.epsilon where that
  // was given.
  double epsilon() const { return epsilon_; }

  // The same for the planned steps alone: what the evaluations cost is the difference.
  double epsilon_of_steps() const;

  // Upper bound for releases that were charged; never more than epsilon() where they are at most the planned ones.
  double epsilon_of(const Phases& charged) const;

  Noise noise() const { return noise_of(step_); }

  // What one step releases; the sampler, the noise and the accountant all take their parameters from here.
  const StepEvent& step_event() const { return step_; }

  // Sentences for the user about choices that are allowed and doubtful; see budget_warnings.
  std::vector<std::string> warnings() const;

 private:
  Adjacency adjacency_;
  int64_t dataset_size_;
  int64_t expected_batch_size_;
  int64_t steps_;
  double delta_;
  std::optional<PlannedEvaluations> evaluations_;
  StepEvent step_;
  double epsilon_;
};

}  // namespace sotto::privacy

#pragma once
// The privacy plan of a training run: what will be sampled, with how much noise, how often, and the guarantee that
// follows.
//
// Everything here is configuration. In particular the sampling rate is expected_batch_size / dataset_size with a
// dataset size that the user declares: under add-remove adjacency the true number of records is secret, and no part of
// a run may read it.

#include <sotto/privacy/event.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace sotto::privacy {

struct PrivacyPlanOptions {
  std::optional<Adjacency> adjacency;                       // mandatory; add_remove or zero_out
  int64_t dataset_size = 0;                                 // declared number of records, >= 1
  int64_t expected_batch_size = 0;                          // 1 .. dataset_size; drawn batches vary around it
  int64_t steps = 0;                                        // planned releases, 1 .. 2^53
  double delta = std::numeric_limits<double>::quiet_NaN();  // 0 < delta < 1
  std::optional<double> epsilon = std::nullopt;             // exactly one of these two; see budget.h
  std::optional<double> noise_multiplier = std::nullopt;    // finite, > 0; standard deviation / clip norm
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

  // Upper bound for all planned steps by certified_epsilon(), see accountant.h; at most options.epsilon where that was
  // given.
  double epsilon() const { return epsilon_; }

  // Upper bound for releases that were charged; never more than epsilon() where they are at most the planned ones.
  double epsilon_of(const Phases& charged) const;

  // What one step releases; the sampler, the noise and the accountant all take their parameters from here.
  const PoissonSampled& step_event() const { return step_; }

  // Sentences for the user about choices that are allowed and doubtful; see budget_warnings.
  std::vector<std::string> warnings() const;

 private:
  Adjacency adjacency_;
  int64_t dataset_size_;
  int64_t expected_batch_size_;
  int64_t steps_;
  double delta_;
  PoissonSampled step_;
  double epsilon_;
};

}  // namespace sotto::privacy

#pragma once
// Evaluations of a model on private records, planned beside the steps of its training and charged to the same budget.
//
// One evaluation releases, of all records (of all groups, where these are the unit of privacy),
//
//   sum_i m_i + noise_multiplier N(0, I_2),   m_i = (c_i, min(l_i, B) / B) / sqrt(2)
//
// with c_i in [0, 1] the share of the record's labels that the model finds, l_i >= 0 its loss, and B a public constant.
// |m_i| <= 1, so that a unit that is added, removed or made null moves the sum by at most 1 in norm: a Gaussian release
// of all records, without sampling. Both coordinates are paid for by one release. The figures that are told are the
// noisy sums times sqrt(2) / dataset size, and times B for the loss, with the size that is declared; what is made of
// them is processing after the release and costs nothing (Dwork and Roth 2014, proposition 2.1).

#include <sotto/privacy/event.h>

#include <cstdint>
#include <limits>

namespace sotto::privacy {

struct PlannedEvaluations {
  std::int64_t count = 0;                                              // >= 1
  double noise_multiplier = std::numeric_limits<double>::quiet_NaN();  // finite, > 0; std of the noise in a coordinate

  friend bool operator==(const PlannedEvaluations&, const PlannedEvaluations&) = default;
};

// Throws UsageError naming the value that is out of its range.
void validate(const PlannedEvaluations& evaluations);

// What one evaluation releases.
StepEvent event_of(const PlannedEvaluations& evaluations);

// The standard deviation of the noise in an accuracy of evaluations with this noise multiplier, and in a loss as a
// share of B: sqrt(2) noise_multiplier / dataset_size. dataset_size >= 1.
double metric_deviation(double noise_multiplier, std::int64_t dataset_size);

// The noise multiplier where none is given: the one with which metric_deviation() is kDefaultMetricDeviation, and at
// least kLeastJointMetricNoise sqrt(count), with which all evaluations together cost what one with
// kLeastJointMetricNoise costs, at the price of noisier figures. count and dataset_size >= 1.
inline constexpr double kDefaultMetricDeviation = 0.005;
inline constexpr double kLeastJointMetricNoise = 10;
double default_metric_noise(std::int64_t count, std::int64_t dataset_size);

// How many of `count` evaluations are due once `steps_charged` of `steps` were: evenly spaced, the last after the last
// step. 0 <= steps_charged <= steps, 1 <= steps, all at most 2^53.
std::int64_t evaluations_due(std::int64_t count, std::int64_t steps_charged, std::int64_t steps);

}  // namespace sotto::privacy

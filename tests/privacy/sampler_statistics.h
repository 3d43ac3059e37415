#pragma once
// Statistical checks of a sampler that should choose each of n records independently with probability q. Each check
// returns a standard score or a p-value, so that a test can also show that a wrong sampler fails.

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

namespace sotto::test {

using Sampler = std::function<std::vector<std::int64_t>(std::int64_t record_count)>;

class SamplerTrial {
 public:
  SamplerTrial(const Sampler& sampler, std::int64_t records, double rate, int batches) : n_(records), q_(rate) {
    for (int b = 0; b < batches; ++b) batches_.push_back(sampler(records));
  }

  // Increasing indices within range in every batch.
  bool well_formed() const {
    return std::all_of(batches_.begin(), batches_.end(), [&](const auto& batch) {
      return std::adjacent_find(batch.begin(), batch.end(), std::greater_equal<>()) == batch.end() &&
             (batch.empty() || (batch.front() >= 0 && batch.back() < n_));
    });
  }

  // Standard score of the total number of inclusions: N(0, 1). Sees a wrong rate.
  double rate_score() const {
    double total = 0;
    for (const auto& batch : batches_) total += static_cast<double>(batch.size());
    const double trials = static_cast<double>(n_) * static_cast<double>(batches_.size());
    return (total - trials * q_) / std::sqrt(trials * q_ * (1 - q_));
  }

  // Two-sided p-value of the chi-square of the counts of the single records. Sees favoured positions.
  double marginal_p() const {
    std::vector<double> count(static_cast<std::size_t>(n_));
    for (const auto& batch : batches_)
      for (auto index : batch) ++count[static_cast<std::size_t>(index)];
    const auto trials = static_cast<double>(batches_.size());
    double statistic = 0;
    for (double c : count) statistic += (c - trials * q_) * (c - trials * q_) / (trials * q_ * (1 - q_));
    return two_sided(statistic, static_cast<double>(n_));
  }

  // Standard score of the inclusion of records i and i + distance together, over all i and batches: N(0, 1).
  double pair_score(std::int64_t distance) const {
    double sum = 0;
    for (const auto& batch : batches_) {
      const auto x = indicator(batch);
      for (std::int64_t i = 0; i + distance < n_; ++i) sum += x[i] * x[i + distance];
    }
    const double terms = static_cast<double>(n_ - distance) * static_cast<double>(batches_.size());
    return sum / (q_ * (1 - q_) * std::sqrt(terms));
  }

  // Standard score over all pairs of records at once: (size - n q)^2 against its mean n q (1 - q). Sees fixed sizes.
  double all_pairs_score() const {
    const double variance = static_cast<double>(n_) * q_ * (1 - q_);
    double sum = 0;
    for (const auto& batch : batches_) {
      const double deviation = static_cast<double>(batch.size()) - static_cast<double>(n_) * q_;
      sum += deviation * deviation / variance - 1;
    }
    const double kurtosis_excess = (1 - 6 * q_ * (1 - q_)) / variance;
    return sum / std::sqrt((2 + kurtosis_excess) * static_cast<double>(batches_.size()));
  }

  // Standard score of a record's inclusion in batches t and t + lag together: N(0, 1).
  double lag_score(std::size_t lag) const {
    double sum = 0;
    for (std::size_t t = 0; t + lag < batches_.size(); ++t) {
      const auto x = indicator(batches_[t]), y = indicator(batches_[t + lag]);
      for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    }
    const double terms = static_cast<double>(n_) * static_cast<double>(batches_.size() - lag);
    return sum / (q_ * (1 - q_) * std::sqrt(terms));
  }

  // Two-sided p-value of the chi-square of the batch sizes against Binomial(n, q); sizes are pooled to cells that
  // expect at least 20 batches.
  double size_p() const {
    const boost::math::binomial law(static_cast<double>(n_), q_);
    const auto total = static_cast<double>(batches_.size());
    std::vector<double> observed(static_cast<std::size_t>(n_) + 1);
    for (const auto& batch : batches_) ++observed[batch.size()];
    double statistic = 0, cell_expected = 0, cell_observed = 0, expected_left = total;
    int cells = 0;
    for (std::size_t size = 0; size < observed.size(); ++size) {
      cell_expected += total * pdf(law, static_cast<double>(size));
      cell_observed += observed[size];
      const bool last = size + 1 == observed.size();
      if (!last && (cell_expected < 20 || expected_left - cell_expected < 20)) continue;
      statistic += (cell_observed - cell_expected) * (cell_observed - cell_expected) / cell_expected;
      expected_left -= cell_expected;
      cell_expected = cell_observed = 0;
      ++cells;
    }
    return two_sided(statistic, cells - 1);
  }

 private:
  std::vector<double> indicator(const std::vector<std::int64_t>& batch) const {
    std::vector<double> x(static_cast<std::size_t>(n_), -q_);
    for (auto index : batch) x[static_cast<std::size_t>(index)] = 1 - q_;
    return x;
  }
  static double two_sided(double statistic, double degrees) {
    const boost::math::chi_squared law(degrees);
    return 2 * std::min(cdf(law, statistic), cdf(complement(law, statistic)));
  }

  std::int64_t n_;
  double q_;
  std::vector<std::vector<std::int64_t>> batches_;
};

}  // namespace sotto::test

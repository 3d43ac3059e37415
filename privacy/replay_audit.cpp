#include <fmt/format.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/binomial_limits.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/replay_audit.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <limits>
#include <vector>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRound = 4 * std::numeric_limits<double>::epsilon();
constexpr double kMuMargin = 1e-9;

// Limits of the probabilities of an event and of its complement.
struct Limits {
  double low, high, complement_low, complement_high;
};

void check(const char* where, const ReplayCounts& counts) {
  if (counts.runs < 1 || counts.runs > kMostTrials)
    throw UsageError(fmt::format("[{}] bad number of runs: {}; allowed is 1 to {}", where, counts.runs, kMostTrials));
  if (counts.events < 0 || counts.events > counts.runs)
    throw UsageError(fmt::format("[{}] bad number of events: {}; allowed is 0 to the number of runs, {}", where,
                                 counts.events, counts.runs));
}

void check_beta(const char* where, double beta) {
  if (!(beta > 0 && beta < 1))
    throw UsageError(fmt::format("[{}] bad beta: {}; allowed is a number between 0 and 1", where, beta));
}

void check_delta(const char* where, double delta) {
  if (!(delta >= 0 && delta < 1))
    throw UsageError(fmt::format("[{}] bad delta: {}; allowed is 0 <= delta < 1", where, delta));
}

Limits limits(const ReplayCounts& counts, double beta) {
  const double alpha = beta / 4;
  const std::int64_t others = counts.runs - counts.events;
  return {binomial_lower_limit(counts.runs, counts.events, alpha),
          binomial_upper_limit(counts.runs, counts.events, alpha), binomial_lower_limit(counts.runs, others, alpha),
          binomial_upper_limit(counts.runs, others, alpha)};
}

double log_ratio(double low, double high, double delta) {
  const double above = (low - delta) * (1 - kRound);
  if (!(above > 0)) return 0;
  const double ratio = std::log(above / high);
  return std::max(0.0, ratio - kRound * (1 + std::abs(ratio)));
}

// Phi^-1(x) of a probability whose complement is known too.
double normal_quantile(double x, double complement) {
  if (x <= 0) return -kInfinity;
  if (complement <= 0) return kInfinity;
  const double root_two = boost::math::constants::root_two<double>();
  return x < complement ? -root_two * boost::math::erfc_inv(2 * x) : root_two * boost::math::erfc_inv(2 * complement);
}

double quantile_gap(double upper, double lower) {
  if (!(upper > lower) || std::isinf(upper) || std::isinf(lower)) return 0;
  return std::max(0.0, upper - lower - kMuMargin * (1 + std::abs(upper) + std::abs(lower)));
}

double epsilon_of(const Limits& p, const Limits& q, double delta) {
  return std::max({log_ratio(p.low, q.high, delta), log_ratio(q.low, p.high, delta),
                   log_ratio(p.complement_low, q.complement_high, delta),
                   log_ratio(q.complement_low, p.complement_high, delta)});
}

double mu_of(const Limits& p, const Limits& q) {
  const auto low = [](const Limits& x) { return normal_quantile(x.low, x.complement_high); };
  const auto high = [](const Limits& x) { return normal_quantile(x.high, x.complement_low); };
  return std::max(quantile_gap(low(p), high(q)), quantile_gap(low(q), high(p)));
}

// Values of both samples at ranks that are dense at the ends, where the best thresholds of a small delta lie.
std::vector<double> candidate_thresholds(std::span<const double> first, std::span<const double> second) {
  std::vector<double> all(first.begin(), first.end());
  all.insert(all.end(), second.begin(), second.end());
  std::sort(all.begin(), all.end());
  constexpr double kGrowth = 1.1;
  std::vector<double> candidates;
  const std::size_t last = all.size() - 1;
  for (std::size_t rank = 0; rank <= last;) {
    candidates.push_back(all[rank]);
    candidates.push_back(all[last - rank]);
    rank = std::max(rank + 1, static_cast<std::size_t>(kGrowth * static_cast<double>(rank)));
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return candidates;
}

ReplayCounts count_from(std::span<const double> scores, double threshold) {
  return {static_cast<std::int64_t>(scores.size()),
          std::count_if(scores.begin(), scores.end(), [&](double score) { return score >= threshold; })};
}

ReplayCounts count_sorted(const std::vector<double>& scores, double threshold) {
  const auto below = std::lower_bound(scores.begin(), scores.end(), threshold) - scores.begin();
  const auto runs = static_cast<std::int64_t>(scores.size());
  return {runs, runs - below};
}

void check_scores(std::span<const double> scores, std::size_t selection) {
  if (selection < 1 || selection >= scores.size())
    throw UsageError(
        fmt::format("[threshold_audit] bad size of the selection: {}; allowed is 1 to one less than the number of "
                    "scores of either data set, here {}",
                    selection, scores.size()));
  if (std::any_of(scores.begin(), scores.end(), [](double score) { return std::isnan(score); }))
    throw UsageError("[threshold_audit] a score that is not a number; allowed are numbers");
}

}  // namespace

double replay_epsilon_lower(const ReplayCounts& d, const ReplayCounts& d_prime, double delta, double beta) {
  check("replay_epsilon_lower", d);
  check("replay_epsilon_lower", d_prime);
  check_delta("replay_epsilon_lower", delta);
  check_beta("replay_epsilon_lower", beta);
  return epsilon_of(limits(d, beta), limits(d_prime, beta), delta);
}

double replay_mu_lower(const ReplayCounts& d, const ReplayCounts& d_prime, double beta) {
  check("replay_mu_lower", d);
  check("replay_mu_lower", d_prime);
  check_beta("replay_mu_lower", beta);
  return mu_of(limits(d, beta), limits(d_prime, beta));
}

double gaussian_replay_epsilon_lower(const ReplayCounts& d, const ReplayCounts& d_prime, double delta, double beta) {
  validate_delta(delta);
  const double mu = replay_mu_lower(d, d_prime, beta);
  return mu > 0 ? gaussian_epsilon(mu, delta) * (1 - kMuMargin) : 0;
}

ThresholdAudit threshold_audit(std::span<const double> d, std::span<const double> d_prime, std::size_t selection,
                               ReplayTarget target, double delta, double beta) {
  check_scores(d, selection);
  check_scores(d_prime, selection);
  check_delta("threshold_audit", delta);
  check_beta("threshold_audit", beta);
  std::vector<double> chosen(d.begin(), d.begin() + static_cast<std::ptrdiff_t>(selection));
  std::vector<double> chosen_prime(d_prime.begin(), d_prime.begin() + static_cast<std::ptrdiff_t>(selection));
  std::sort(chosen.begin(), chosen.end());
  std::sort(chosen_prime.begin(), chosen_prime.end());

  ThresholdAudit audit;
  double best = -1;
  const std::vector<double> candidates = candidate_thresholds(chosen, chosen_prime);
  // The best of many bounds at confidence 1 - beta would be a lucky one, far out.
  const double share = beta / static_cast<double>(candidates.size());
  for (const double threshold : candidates) {
    const Limits p = limits(count_sorted(chosen, threshold), share);
    const Limits q = limits(count_sorted(chosen_prime, threshold), share);
    const double bound = target == ReplayTarget::mu ? mu_of(p, q) : epsilon_of(p, q, delta);
    if (bound <= best) continue;
    best = bound;
    audit.threshold = threshold;
  }
  audit.d = count_from(d.subspan(selection), audit.threshold);
  audit.d_prime = count_from(d_prime.subspan(selection), audit.threshold);
  check("threshold_audit", audit.d);
  check("threshold_audit", audit.d_prime);
  const Limits p = limits(audit.d, beta), q = limits(audit.d_prime, beta);
  audit.epsilon = epsilon_of(p, q, delta);
  audit.mu = mu_of(p, q);
  return audit;
}

}  // namespace sotto::privacy

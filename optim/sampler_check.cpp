#include <fmt/format.h>
#include <sotto/optim/sampler_check.h>

#include <algorithm>
#include <cmath>

namespace sotto::optim {
namespace {

constexpr int64_t kSteps = 400;
constexpr double kExpected = 25;
constexpr double kFewestRecords = 50;

// Rows are steps; indices increase.
using Draws = std::vector<std::vector<int64_t>>;

Draws draws_of(const AuditedTraining& training, int64_t count) {
  const AuditedTraining small = of_one_number(training);
  Draws result;
  while (static_cast<int64_t>(result.size()) < kSteps) {
    DrawnRecords drawn;
    AuditRun run(small, drawn.watch(made_up_records(small.options.inputs, count, 1)), std::nullopt);
    const int64_t left = kSteps - static_cast<int64_t>(result.size());
    for (int64_t s = 0; s < std::min(left, training.options.plan.steps()); ++s) {
      run.step();
      const std::set<int64_t> indices = drawn.take().indices;
      result.emplace_back(indices.begin(), indices.end());
    }
  }
  return result;
}

double both(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  std::vector<int64_t> common;
  std::ranges::set_intersection(a, b, std::back_inserter(common));
  return static_cast<double>(common.size());
}

double square(double x) {
  return x * x;
}

}  // namespace

std::vector<AuditFinding> check_sampler(const AuditedTraining& training) {
  const double q = training.options.plan.sampling_rate();
  const auto count = static_cast<int64_t>(std::max(kFewestRecords, std::ceil(kExpected / q)));
  const Draws draws = draws_of(training, count);
  const auto n = static_cast<double>(count), steps = static_cast<double>(draws.size());
  std::vector<AuditFinding> findings;
  if (q == 1) {
    const bool all =
        std::ranges::all_of(draws, [&](const auto& step) { return static_cast<int64_t>(step.size()) == count; });
    findings.push_back({"sampling", all, "every record in every step, at rate 1"});
    return findings;
  }
  const auto add = [&](const char* subject, double z, std::string text) {
    findings.push_back({fmt::format("sampling: {}", subject), std::abs(z) <= kSamplerCheckZ,
                        fmt::format("{}, z {:.1f}", std::move(text), z)});
  };

  double total = 0, spread = 0, again = 0, neighbours = 0;
  std::vector<double> times(static_cast<size_t>(count), 0);
  for (size_t s = 0; s < draws.size(); ++s) {
    const auto size = static_cast<double>(draws[s].size());
    total += size;
    spread += square(size - n * q);
    for (const int64_t index : draws[s]) ++times[static_cast<size_t>(index)];
    if (s > 0) again += both(draws[s - 1], draws[s]);
    for (size_t i = 1; i < draws[s].size(); ++i) neighbours += draws[s][i] == draws[s][i - 1] + 1;
  }
  const double variance = n * q * (1 - q);
  add("rate", (total - n * q * steps) / std::sqrt(variance * steps),
      fmt::format("{:.6f} over {:.0f} choices, stated {:.6f}", total / (n * steps), n * steps, q));
  double each = 0;
  for (const double t : times) each += square(t - q * steps) / (steps * q * (1 - q));
  // A sum of n terms with mean 1 and the variance of a standardised binomial's square.
  const double kurtosis = 2 + (1 - 6 * q * (1 - q)) / (steps * q * (1 - q));
  add("every record alike", (each - n) / std::sqrt(n * kurtosis), fmt::format("chi squared {:.1f} of {:.0f}", each, n));
  const double of_sizes = 2 + (1 - 6 * q * (1 - q)) / variance;
  add("sizes of batches", (spread / variance - steps) / std::sqrt(steps * of_sizes),
      fmt::format("variance {:.2f}, of independent choices {:.2f}", spread / steps, variance));
  const double pair = q * q, pairs = n * (steps - 1), next = (n - 1) * steps;
  // Pairs that share a choice are correlated: variance of a sum of products of neighbours in independent sequences.
  const double of_pairs = pair * (1 - pair) + 2 * (q * q * q - pair * pair);
  add("consecutive steps", (again - pairs * pair) / std::sqrt(pairs * of_pairs),
      fmt::format("{:.0f} records drawn twice in a row, expected {:.1f}", again, pairs * pair));
  add("neighbouring records", (neighbours - next * pair) / std::sqrt(next * of_pairs),
      fmt::format("{:.0f} pairs, expected {:.1f}", neighbours, next * pair));
  return findings;
}

}  // namespace sotto::optim

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/poisson_sampler.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sotto::privacy {
namespace {

double checked_rate(double sampling_rate) {
  if (!(sampling_rate >= 0 && sampling_rate <= 1))
    throw UsageError(fmt::format("[PoissonSampler] sampling_rate: {}; must be in [0, 1]", sampling_rate));
  return sampling_rate;
}

}  // namespace

PoissonSampler::PoissonSampler(double sampling_rate, SecretKey key)
    : sampling_rate_(checked_rate(sampling_rate)),
      key_is_secret_(key.is_secret()),
      key_commitment_(key.commitment()),
      stream_(key, "poisson sampler") {}

// Number of records passed over before the next chosen one, for 0 < q < 1.
double PoissonSampler::gap() {
  // 128 bits, so that small values, which decide for small q, keep a relative precision of 2^-53.
  const double high = static_cast<double>(stream_.next_u64()) * 0x1p-64;
  const double low = static_cast<double>(stream_.next_u64()) * 0x1p-128;
  return std::floor(std::log1p(-std::min(high + low, 1.0)) / std::log1p(-sampling_rate_));
}

std::vector<std::int64_t> PoissonSampler::sample(std::int64_t record_count) {
  if (record_count < 0 || record_count > kMaxCount)
    throw UsageError("[PoissonSampler::sample] record_count: " + std::to_string(record_count) +
                     "; must be in [0, 2^53]");
  std::vector<std::int64_t> chosen;
  if (sampling_rate_ == 0) return chosen;
  if (sampling_rate_ == 1) {
    chosen.resize(static_cast<std::size_t>(record_count));
    std::iota(chosen.begin(), chosen.end(), std::int64_t{0});
    return chosen;
  }
  // A gap of at least `piece` is cut there and drawn afresh: inversion is accurate only while (1 - q)^gap is not small.
  const double piece = std::max(1.0, std::floor(-2 / std::log1p(-sampling_rate_)));
  std::int64_t next = 0;
  while (next < record_count) {
    const auto remaining = static_cast<double>(record_count - next);
    const double passed = gap();
    if (std::min(passed, piece) >= remaining) break;
    next += static_cast<std::int64_t>(std::min(passed, piece));
    if (passed < piece) chosen.push_back(next++);
  }
  return chosen;
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/optim/adaptive_clip_norm.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>

namespace sotto::optim {

void validate(const AdaptiveClipping& clipping) {
  const auto require = [](bool holds, const char* name, double value, const char* allowed) {
    if (!holds) throw UsageError(fmt::format("[WeightRule::adaptive] bad {}: {}; allowed is {}", name, value, allowed));
  };
  require(clipping.quantile > 0 && clipping.quantile < 1, "quantile", clipping.quantile, "0 < quantile < 1");
  require(clipping.rate >= kLeastClipRate && clipping.rate <= 1, "rate", clipping.rate, "1e-6 to 1");
  require(std::isfinite(clipping.count_noise) && clipping.count_noise > 0, "count_noise", clipping.count_noise,
          "a finite number > 0");
}

double next_clip_norm(const AdaptiveClipping& clipping, double first, double now, double noised_count,
                      std::int64_t expected_batch_size) {
  SOTTO_ASSERT(std::isfinite(noised_count) && expected_batch_size >= 1);
  const double below = 0.5 + noised_count / static_cast<double>(expected_batch_size);
  return std::clamp(now * std::exp(-clipping.rate * (below - clipping.quantile)), first / kClipNormRange,
                    first * kClipNormRange);
}

double count_that_moved(const AdaptiveClipping& clipping, double first, double now, double next,
                        std::int64_t expected_batch_size) {
  if (!(next > first / kClipNormRange && next < first * kClipNormRange))
    return std::numeric_limits<double>::quiet_NaN();
  const double below = clipping.quantile - std::log(next / now) / clipping.rate;
  return (below - 0.5) * static_cast<double>(expected_batch_size);
}

}  // namespace sotto::optim

#include <sotto/privacy/merged_events.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace sotto::privacy {

MergedEvents merge(const Composed& events) {
  std::map<std::pair<double, double>, double> counts;
  for (const SelfComposed& composed : events) {
    validate(composed);
    const double q = composed.event.sampling_rate, s = composed.event.mechanism.noise_multiplier;
    if (q > 0 && composed.count > 0) counts[{q, s}] += static_cast<double>(composed.count);
  }
  MergedEvents merged;
  for (const auto& [event, count] : counts) {
    const auto& [q, s] = event;
    if (q == 1)
      merged.squared_gaussian_mean += std::max(count / s / s, std::numeric_limits<double>::min());
    else
      merged.sampled.push_back({.event = {.sampling_rate = q, .mechanism = {.noise_multiplier = s}}, .count = count});
  }
  return merged;
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>

#include <cmath>

namespace sotto::privacy {

std::string_view to_string(Adjacency adjacency) {
  switch (adjacency) {
    case Adjacency::add_remove:
      return "add-remove";
    case Adjacency::zero_out:
      return "zero-out";
    case Adjacency::replace_one:
      return "replace-one";
  }
  throw UsageError(fmt::format("[to_string] not an adjacency: {}; allowed are add_remove, zero_out, replace_one",
                               static_cast<int>(adjacency)));
}

Adjacency parse_adjacency(std::string_view text) {
  for (const Adjacency adjacency : {Adjacency::add_remove, Adjacency::zero_out, Adjacency::replace_one})
    if (text == to_string(adjacency)) return adjacency;
  throw UsageError(
      fmt::format("[parse_adjacency] unknown adjacency: '{}'; allowed are add-remove, zero-out, replace-one", text));
}

void validate(const Gaussian& event) {
  if (!std::isfinite(event.noise_multiplier) || event.noise_multiplier < 0)
    throw UsageError(
        fmt::format("[Gaussian] bad noise_multiplier: {}; it is the noise standard deviation divided by the clip norm, "
                    "finite and >= 0",
                    event.noise_multiplier));
}

void validate(const PoissonSampled& event) {
  if (!std::isfinite(event.sampling_rate) || event.sampling_rate < 0 || event.sampling_rate > 1)
    throw UsageError(fmt::format("[PoissonSampled] bad sampling_rate: {}; it is a probability in [0, 1]{}",
                                 event.sampling_rate,
                                 event.sampling_rate > 1 ? " (is this a percentage, or a batch size?)" : ""));
  validate(event.mechanism);
}

void validate(const SelfComposed& event) {
  if (event.count < 0 || event.count > kMaxCount)
    throw UsageError(fmt::format("[SelfComposed] bad count: {}; allowed is an integer from 0 to 2^53", event.count));
  validate(event.event);
}

void validate(const Composed& events) {
  for (const SelfComposed& event : events) validate(event);
}

}  // namespace sotto::privacy

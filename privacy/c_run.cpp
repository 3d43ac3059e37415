#include <fmt/format.h>
#include <sotto/privacy/c_run.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace sotto::privacy {
namespace {

// What callers of the first release pass. Stays when fields are added.
constexpr size_t kFirstSize = offsetof(sotto_privacy_run, width) + sizeof(double);
// A size that was never set is more likely above this than below.
constexpr size_t kLargestSize = 4096;

sotto_privacy_run known_part(const char* function, const sotto_privacy_run* run) {
  if (run == nullptr)
    throw UsageError(
        fmt::format("[{}] run is a null pointer; allowed is the address of a sotto_privacy_run", function));
  const size_t size = run->size;
  if (size < kFirstSize || size > kLargestSize)
    throw UsageError(
        fmt::format("[{}] bad size of the run: {}; set the field size to sizeof(sotto_privacy_run), {} here", function,
                    size, sizeof(sotto_privacy_run)));
  sotto_privacy_run known{};
  std::memcpy(&known, run, std::min(size, sizeof known));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(run);
  const auto is_set = [](unsigned char byte) { return byte != 0; };
  if (size > sizeof known && std::any_of(bytes + sizeof known, bytes + size, is_set))
    throw UsageError(fmt::format(
        "[{}] a field beyond byte {} of the run is set; this library knows none there, a newer one is needed", function,
        sizeof known));
  return known;
}

std::string_view sampler_name(int32_t sampler) {
  switch (sampler) {
    case SOTTO_POISSON:
      return "SOTTO_POISSON";
    case SOTTO_WITHOUT_REPLACEMENT:
      return "SOTTO_WITHOUT_REPLACEMENT";
    case SOTTO_TRUNCATED_POISSON:
      return "SOTTO_TRUNCATED_POISSON";
    case SOTTO_SHUFFLE:
      return "SOTTO_SHUFFLE";
    case SOTTO_FULL_BATCH:
      return "SOTTO_FULL_BATCH";
    default:
      return {};
  }
}

// Which of the fields that say how batches are drawn a sampler has a use for.
struct Needs {
  bool steps, sampling_rate, dataset_size, batch, cap, epochs;
};

Needs needs_of(int32_t sampler) {
  const bool poisson = sampler == SOTTO_POISSON, fixed = sampler == SOTTO_WITHOUT_REPLACEMENT,
             truncated = sampler == SOTTO_TRUNCATED_POISSON, shuffle = sampler == SOTTO_SHUFFLE;
  return {.steps = !shuffle,
          .sampling_rate = poisson || truncated,
          .dataset_size = fixed || truncated,
          .batch = fixed,
          .cap = truncated,
          .epochs = shuffle};
}

// Checks that the fields that are needed are set, and no other is.
class FieldCheck {
 public:
  FieldCheck(const char* function, int32_t sampler) : function_(function), sampler_(sampler_name(sampler)) {}

  template <typename Value>
  void operator()(const char* name, Value value, bool needed, bool sought) const {
    const bool set = value != 0;  // NaN is set
    if (needed && sought && set)
      throw UsageError(
          fmt::format("[{}] {} is set to {}; it is what is asked for: leave it 0", function_, name, value));
    if (needed && !sought && !set)
      throw UsageError(fmt::format("[{}] {} is not set; {} needs it above 0", function_, name, sampler_));
    if (!needed && (set || sought))
      throw UsageError(fmt::format("[{}] {} is {}; {} has no use for it", function_, name,
                                   sought ? std::string("what is asked for") : fmt::format("set to {}", value),
                                   sampler_));
  }

 private:
  const char* function_;
  std::string_view sampler_;
};

}  // namespace

sotto_privacy_run read_run(const char* function, const sotto_privacy_run* run, Sought sought) {
  const sotto_privacy_run known = known_part(function, run);
  if (known.adjacency < SOTTO_ADD_REMOVE || known.adjacency > SOTTO_REPLACE_ONE)
    throw UsageError(fmt::format(
        "[{}] bad adjacency: {}; allowed are SOTTO_ADD_REMOVE, SOTTO_ZERO_OUT and SOTTO_REPLACE_ONE, without a default",
        function, known.adjacency));
  const int32_t sampler = known.sampler;
  if (sampler_name(sampler).empty())
    throw UsageError(
        fmt::format("[{}] bad sampler: {}; allowed are SOTTO_POISSON, SOTTO_WITHOUT_REPLACEMENT, "
                    "SOTTO_TRUNCATED_POISSON, SOTTO_SHUFFLE and SOTTO_FULL_BATCH, without a default",
                    function, sampler));
  if (known.group < 0 || known.group > kLargestGroup)
    throw UsageError(
        fmt::format("[{}] bad group: {}; allowed is an integer from 1 to {}", function, known.group, kLargestGroup));

  const Needs needs = needs_of(sampler);
  const FieldCheck check(function, sampler);
  const bool seeks_steps = sought == Sought::steps;
  check("noise_multiplier", known.noise_multiplier, true, sought == Sought::noise_multiplier);
  check("steps", known.steps, needs.steps, seeks_steps && needs.steps);
  check("epochs", known.epochs, needs.epochs, seeks_steps && needs.epochs);
  check("sampling_rate", known.sampling_rate, needs.sampling_rate, sought == Sought::sampling_rate);
  check("dataset_size", known.dataset_size, needs.dataset_size, false);
  check("batch", known.batch, needs.batch, false);
  check("cap", known.cap, needs.cap, false);
  return known;
}

namespace {

Adjacency adjacency_of(const sotto_privacy_run& run) {
  switch (run.adjacency) {
    case SOTTO_ADD_REMOVE:
      return Adjacency::add_remove;
    case SOTTO_ZERO_OUT:
      return Adjacency::zero_out;
    default:
      SOTTO_ASSERT(run.adjacency == SOTTO_REPLACE_ONE);
      return Adjacency::replace_one;
  }
}

}  // namespace

AccountedEvents events_of(const sotto_privacy_run& run) {
  const Gaussian noise{run.noise_multiplier};
  const auto event = [&]() -> Event {
    switch (run.sampler) {
      case SOTTO_POISSON:
        return SelfComposed(PoissonSampled{run.sampling_rate, noise}, run.steps);
      case SOTTO_WITHOUT_REPLACEMENT:
        return SelfComposed(WithoutReplacement{run.batch, run.dataset_size, noise}, run.steps);
      case SOTTO_TRUNCATED_POISSON:
        return SelfComposed(TruncatedPoisson{run.sampling_rate, run.dataset_size, run.cap, noise}, run.steps);
      case SOTTO_SHUFFLE:
        return EpochOnce{run.epochs, noise};
      default:
        SOTTO_ASSERT(run.sampler == SOTTO_FULL_BATCH);
        return SelfComposed(noise, run.steps);
    }
  };
  const PrivacyUnit unit =
      run.group > 1 ? PrivacyUnit{.kind = PrivacyUnit::Kind::group, .size = run.group} : PrivacyUnit{};
  return {.adjacency = adjacency_of(run), .unit = unit, .event = event()};
}

std::optional<Method> method_of(const char* function, int32_t method) {
  switch (method) {
    case SOTTO_CERTIFIED:
      return std::nullopt;
    case SOTTO_PLD:
      return Method::pld;
    case SOTTO_CONTOUR:
      return Method::contour;
    case SOTTO_GAUSSIAN:
      return Method::gaussian;
    case SOTTO_RDP:
      return Method::rdp;
    default:
      throw UsageError(fmt::format(
          "[{}] bad method: {}; allowed are SOTTO_CERTIFIED, SOTTO_PLD, SOTTO_CONTOUR, SOTTO_GAUSSIAN and SOTTO_RDP",
          function, method));
  }
}

Precision precision_of(const char* function, double width) {
  if (!(width >= 0 && std::isfinite(width)))
    throw UsageError(fmt::format("[{}] bad width: {}; allowed is a finite number above 0, or 0 for the default of {}",
                                 function, width, Precision{}.absolute));
  return width == 0 ? Precision{} : Precision{.absolute = width, .relative = width};
}

}  // namespace sotto::privacy

#include <sotto/privacy/c_run.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>
#include <sotto/privacy/sotto_privacy.h>

#include <algorithm>
#include <cfenv>
#include <cstring>
#include <exception>
#include <new>
#include <string>

namespace {

using namespace sotto::privacy;
using sotto::ExitCode;
using sotto::UsageError;

// A buffer of fixed size, so that reporting cannot fail.
thread_local char last_error[1024] = "";

int report(ExitCode code, const char* message) noexcept {
  const size_t length = std::min(std::strlen(message), sizeof last_error - 1);
  std::memcpy(last_error, message, length);
  last_error[length] = '\0';
  return static_cast<int>(code);
}

// Bounds hold for rounding to nearest with denormals; hosts of plug-ins are known to change both.
class DefaultFloatingPoint {
 public:
  DefaultFloatingPoint() {
    std::fegetenv(&callers_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloatingPoint() { std::fesetenv(&callers_); }
  DefaultFloatingPoint(const DefaultFloatingPoint&) = delete;
  DefaultFloatingPoint& operator=(const DefaultFloatingPoint&) = delete;

 private:
  std::fenv_t callers_;
};

// The boundary: nothing that `body` throws leaves it.
template <typename Body>
int guarded(const Body& body) noexcept {
  const DefaultFloatingPoint environment;
  try {
    body();
    return report(ExitCode::done, "");
  } catch (const sotto::Error& error) {
    return report(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return report(ExitCode::internal, "[sotto_privacy] out of memory");
  } catch (const std::exception& error) {
    return report(ExitCode::internal, error.what());
  } catch (...) {
    return report(ExitCode::internal, "[sotto_privacy] an exception of unknown type");
  }
}

void require(const char* function, const char* name, const void* pointer) {
  if (pointer == nullptr)
    throw UsageError("[" + std::string(function) + "] " + name + " is a null pointer; it has to point to something");
}

Bracket epsilon_of(const AccountedEvents& events, std::optional<Method> method, const Precision& precision,
                   double delta) {
  if (!method) return certified_epsilon(events, delta, precision).bracket;
  return make_accountant(*method, events, precision)->epsilon(delta);
}

Bracket delta_of(const AccountedEvents& events, std::optional<Method> method, const Precision& precision,
                 double epsilon) {
  if (!method) return certified_delta(events, epsilon, precision).bracket;
  return make_accountant(*method, events, precision)->delta(epsilon);
}

using BracketOf = Bracket(const AccountedEvents&, std::optional<Method>, const Precision&, double);

int bracket_of_run(const char* function, BracketOf* compute, const sotto_privacy_run* run, double given, double* lower,
                   double* upper) noexcept {
  return guarded([&] {
    require(function, "lower", lower);
    require(function, "upper", upper);
    const sotto_privacy_run read = read_run(function, run);
    const Bracket bracket =
        compute(events_of(read), method_of(function, read.method), precision_of(function, read.width), given);
    *lower = bracket.lower;
    *upper = bracket.upper;
  });
}

int bracket_of_events(const char* function, BracketOf* compute, const char* json, int32_t method, double width,
                      double given, double* lower, double* upper) noexcept {
  return guarded([&] {
    require(function, "lower", lower);
    require(function, "upper", upper);
    require(function, "json", json);
    const std::optional<Method> engine = method_of(function, method);
    const Precision precision = precision_of(function, width);
    const Bracket bracket = compute(parse_events(json), engine, precision, given);
    *lower = bracket.lower;
    *upper = bracket.upper;
  });
}

struct SoughtField {
  const char* name;
  Sought which;
};

template <typename Value, typename Search>
int calibrate(const char* function, const SoughtField& sought, const sotto_privacy_run* run,
              const PrivacyBudget& budget, Value* value, double* reached, const Search& search) noexcept {
  return guarded([&] {
    require(function, sought.name, value);
    require(function, "reached", reached);
    const sotto_privacy_run read = read_run(function, run, sought.which);
    const auto method = method_of(function, read.method);
    const auto found = search({.budget = budget,
                               .method = method.value_or(Method::pld),  // the one that takes every event
                               .precision = precision_of(function, read.width)},
                              read);
    *value = found.value;
    *reached = found.epsilon;
  });
}

}  // namespace

const char* sotto_privacy_version() {
  return SOTTO_VERSION;
}

const char* sotto_privacy_last_error() {
  return last_error;
}

int sotto_privacy_epsilon(const sotto_privacy_run* run, double delta, double* lower, double* upper) {
  return bracket_of_run("sotto_privacy_epsilon", epsilon_of, run, delta, lower, upper);
}

int sotto_privacy_delta(const sotto_privacy_run* run, double epsilon, double* lower, double* upper) {
  return bracket_of_run("sotto_privacy_delta", delta_of, run, epsilon, lower, upper);
}
int sotto_privacy_epsilon_of_events(const char* json, int32_t method, double width, double delta, double* lower,
                                    double* upper) {
  return bracket_of_events("sotto_privacy_epsilon_of_events", epsilon_of, json, method, width, delta, lower, upper);
}

int sotto_privacy_delta_of_events(const char* json, int32_t method, double width, double epsilon, double* lower,
                                  double* upper) {
  return bracket_of_events("sotto_privacy_delta_of_events", delta_of, json, method, width, epsilon, lower, upper);
}

int sotto_privacy_noise_multiplier(const sotto_privacy_run* run, double epsilon, double delta, double* noise_multiplier,
                                   double* reached) {
  return calibrate<double>("sotto_privacy_noise_multiplier", {"noise_multiplier", Sought::noise_multiplier}, run,
                           {.epsilon = epsilon, .delta = delta}, noise_multiplier, reached,
                           [](const CalibrationTarget& target, sotto_privacy_run family) {
                             return smallest_noise_multiplier(target, [family](double noise) mutable {
                               family.noise_multiplier = noise;
                               return events_of(family);
                             });
                           });
}

int sotto_privacy_sampling_rate(const sotto_privacy_run* run, double epsilon, double delta, double* sampling_rate,
                                double* reached) {
  return calibrate<double>("sotto_privacy_sampling_rate", {"sampling_rate", Sought::sampling_rate}, run,
                           {.epsilon = epsilon, .delta = delta}, sampling_rate, reached,
                           [](const CalibrationTarget& target, sotto_privacy_run family) {
                             return largest_sampling_rate(target, [family](double rate) mutable {
                               family.sampling_rate = rate;
                               return events_of(family);
                             });
                           });
}

int sotto_privacy_steps(const sotto_privacy_run* run, double epsilon, double delta, int64_t* steps, double* reached) {
  return calibrate<int64_t>("sotto_privacy_steps", {"steps", Sought::steps}, run, {.epsilon = epsilon, .delta = delta},
                            steps, reached, [](const CalibrationTarget& target, sotto_privacy_run family) {
                              return largest_steps(target, [family](int64_t count) mutable {
                                (family.sampler == SOTTO_SHUFFLE ? family.epochs : family.steps) = count;
                                return events_of(family);
                              });
                            });
}

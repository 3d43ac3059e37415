#pragma once
// Reads the struct of the C interface: its size, its ranges, and the events that it stands for.

#include <sotto/privacy/accountant.h>
#include <sotto/privacy/sotto_privacy.h>

#include <optional>

namespace sotto::privacy {

// The field that calibration looks for; it must not be set. Steps are epochs for SOTTO_SHUFFLE.
enum class Sought { nothing, noise_multiplier, sampling_rate, steps };

// The fields that the caller knows, the others 0. Throws UsageError when the pointer is null, the size is that of no
// sotto_privacy_run, a field beyond this library's knowledge is set, a field that the sampler needs is not set, one
// that it has no use for is, or the one sought is.
sotto_privacy_run read_run(const char* function, const sotto_privacy_run* run, Sought sought = Sought::nothing);

// Of a run that read_run returned and in which what was sought has been set.
AccountedEvents events_of(const sotto_privacy_run& run);

// The engine, nothing for SOTTO_CERTIFIED. Throws UsageError for any other number.
std::optional<Method> method_of(const char* function, int32_t method);

// 0 is the default width. Throws UsageError when it is not finite or below 0.
Precision precision_of(const char* function, double width);

}  // namespace sotto::privacy

#pragma once
// When a run ends by the noisy metrics of its private records. All of this is processing of what was released and
// charged: the figure for the planned steps holds wherever the run ends (Dwork and Roth 2014, proposition 2.1).

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace sotto::tools {

// Whether `patience` values one after the other, at some place, did not exceed their reference by more than
// `deviation`, the standard deviation of the noise in each. The reference is the first value, and then each that did.
// patience >= 1.
bool nothing_better(std::span<const double> values, double deviation, std::int64_t patience);

// The noisy accuracies of private records in a metrics.jsonl, in the order in which they were released, those of steps
// that the model lost to a crash too. Throws IoError where the file cannot be read, DataError for a line that is no
// JSON object.
std::vector<double> released_accuracies(const std::filesystem::path& metrics);

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/optim/batch_fit.h>

#include <algorithm>

namespace sotto::optim {
namespace {

struct Measured {
  int64_t batch;
  int64_t bytes;
};

// Where the line through two measured batches, lower.batch < upper.batch, reaches the budget.
int64_t on_line(const Measured& lower, const Measured& upper, int64_t budget) {
  const int64_t bytes = upper.bytes - lower.bytes;
  if (bytes <= 0) return budget >= lower.bytes ? INT64_MAX : lower.batch;
  constexpr double kMost = 1e15;
  // In this order, so that a budget for a whole number of records is one for that number.
  const double records = static_cast<double>(budget - lower.bytes) * static_cast<double>(upper.batch - lower.batch) /
                         static_cast<double>(bytes);
  return lower.batch + static_cast<int64_t>(std::min(records, kMost));
}

}  // namespace

BatchFit largest_batch_within(int64_t budget, int64_t largest, const std::function<int64_t(int64_t batch)>& bytes_of) {
  constexpr int kMostCalls = 9;
  SOTTO_ASSERT(largest >= 2);
  const Measured two{2, bytes_of(2)};
  if (two.bytes > budget) return {0, two.bytes};
  Measured fits = two;
  int64_t too_large = largest + 1;  // the smallest that is known to be
  Measured other{std::min<int64_t>(4, largest), 0};
  for (int call = 1; call < kMostCalls && fits.batch + 1 < too_large; ++call) {
    other.bytes = bytes_of(other.batch);
    if (other.bytes <= budget) {
      fits = other;
    } else {
      too_large = other.batch;
    }
    const int64_t expected = on_line(two, other, budget);
    if (expected == fits.batch) break;
    other.batch = std::clamp(expected, fits.batch + 1, std::max(fits.batch + 1, too_large - 1));
  }
  return {fits.batch, fits.bytes};
}

TooLittleMemory::TooLittleMemory(int64_t allowed_bytes, int64_t needed_bytes)
    : UsageError(fmt::format("[TapeOptions] memory_bytes: {}; a physical batch of two records holds at least {}",
                             allowed_bytes, needed_bytes)),
      allowed_(allowed_bytes),
      needed_(needed_bytes) {}

}  // namespace sotto::optim

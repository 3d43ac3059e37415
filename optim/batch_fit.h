#pragma once
// The largest physical batch that a budget of memory has room for.

#include <sotto/privacy/error.h>

#include <cstdint>
#include <functional>

namespace sotto::optim {

struct BatchFit {
  int64_t batch = 0;  // records; 0: not even two fit
  int64_t bytes = 0;  // bytes_of(batch); of two records where these do not fit
};

// For bytes_of(batch) that grows with the batch: the largest batch within 2 .. `largest` with bytes_of(batch) <=
// `budget`. Where bytes_of is linear that is exact, with three calls, and none for a larger batch than fits but for
// those of 2 and 4 records. Otherwise up to nine calls close in on it; what is returned fits in any case.
BatchFit largest_batch_within(int64_t budget, int64_t largest, const std::function<int64_t(int64_t batch)>& bytes_of);

// Two records need more than the budget.
class TooLittleMemory : public UsageError {
 public:
  TooLittleMemory(int64_t allowed_bytes, int64_t needed_bytes);
  int64_t allowed() const { return allowed_; }
  int64_t needed() const { return needed_; }

 private:
  int64_t allowed_;
  int64_t needed_;
};

}  // namespace sotto::optim

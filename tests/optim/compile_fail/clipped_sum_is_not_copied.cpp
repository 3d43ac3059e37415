// A sum is released once: a copy could be released a second time.
#include <sotto/optim/clipped_sum.h>

sotto::optim::ClippedSum take(sotto::optim::ClippedSum& sum) {
#ifdef SOTTO_CONTROL
  return std::move(sum);
#else
  return sum;
#endif
}

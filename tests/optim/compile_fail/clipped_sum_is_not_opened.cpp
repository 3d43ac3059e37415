// The values of a sum are private: its sensitivity is all that can be read.
#include <sotto/optim/clipped_sum.h>

double look(const sotto::optim::ClippedSum& sum) {
#ifdef SOTTO_CONTROL
  return sum.sensitivity();
#else
  return static_cast<double>(sum.sums_.size());
#endif
}

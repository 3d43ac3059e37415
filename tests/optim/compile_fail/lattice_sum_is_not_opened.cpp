// The integers of a sum are private: its sensitivity is all that can be read.
#include <sotto/optim/lattice_sum.h>

double look(const sotto::optim::LatticeSum& sum) {
#ifdef SOTTO_CONTROL
  return sum.sensitivity();
#else
  return static_cast<double>(sum.integers_.size());
#endif
}

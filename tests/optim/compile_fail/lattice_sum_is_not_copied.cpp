// A sum on the lattice is released once: a copy could be released a second time.
#include <sotto/optim/lattice_sum.h>

sotto::optim::LatticeSum take(sotto::optim::LatticeSum& sum) {
#ifdef SOTTO_CONTROL
  return std::move(sum);
#else
  return sum;
#endif
}

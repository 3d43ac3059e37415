// A step on the lattice is no Poisson-sampled Gaussian: it cannot be charged as one.
#include <sotto/optim/gaussian_mechanism.h>

sotto::privacy::Event account(const sotto::privacy::StepEvent& step) {
#ifdef SOTTO_CONTROL
  return sotto::privacy::Event(step);
#else
  const sotto::privacy::PoissonSampled sampled = step;
  return sampled;
#endif
}

// Only private training, which samples the records itself, makes a mechanism: batches of another loader cannot be
// charged as Poisson samples.
#include <sotto/optim/gaussian_mechanism.h>

sotto::optim::GaussianMechanism make(sotto::privacy::PoissonSampled event, sotto::privacy::SecretKey key,
                                     sotto::optim::GaussianMechanism mechanism) {
#ifdef SOTTO_CONTROL
  (void)event, (void)key;
  return mechanism;
#else
  (void)mechanism;
  return sotto::optim::GaussianMechanism(event, 1, std::move(key));
#endif
}

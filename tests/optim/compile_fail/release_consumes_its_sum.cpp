// Releasing consumes the sum; what is still held afterwards could be released again.
#include <sotto/optim/gaussian_mechanism.h>

sotto::optim::PrivateGradient release(sotto::optim::GaussianMechanism& mechanism, sotto::optim::ClippedSum& sum,
                                      sotto::privacy::Ledger& ledger) {
#ifdef SOTTO_CONTROL
  return mechanism.release(std::move(sum), ledger);
#else
  return mechanism.release(sum, ledger);
#endif
}

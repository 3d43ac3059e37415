// There is no release without a charge.
#include <sotto/optim/gaussian_mechanism.h>

sotto::optim::PrivateGradient release(sotto::optim::GaussianMechanism& mechanism, sotto::optim::ClippedSum sum,
                                      sotto::privacy::Ledger& ledger) {
#ifdef SOTTO_CONTROL
  return mechanism.release(std::move(sum), ledger);
#else
  (void)ledger;
  return mechanism.release(std::move(sum));
#endif
}

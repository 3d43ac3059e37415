// Tensors without a bound on what one record changes cannot be released.
#include <sotto/optim/gaussian_mechanism.h>

sotto::optim::PrivateGradient release(sotto::optim::GaussianMechanism& mechanism, sotto::optim::ClippedSum sum,
                                      std::vector<at::Tensor> raw, sotto::privacy::Ledger& ledger) {
#ifdef SOTTO_CONTROL
  (void)raw;
  return mechanism.release(std::move(sum), ledger);
#else
  (void)sum;
  return mechanism.release(std::move(raw), ledger);
#endif
}

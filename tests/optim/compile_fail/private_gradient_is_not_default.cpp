// There is no empty private gradient to be filled in later.
#include <sotto/optim/private_gradient.h>

sotto::optim::PrivateGradient make(sotto::optim::PrivateGradient released) {
#ifdef SOTTO_CONTROL
  return released;
#else
  (void)released;
  return sotto::optim::PrivateGradient{};
#endif
}

// A released gradient is applied once.
#include <sotto/optim/private_gradient.h>

sotto::optim::PrivateGradient take(sotto::optim::PrivateGradient& released) {
#ifdef SOTTO_CONTROL
  return std::move(released);
#else
  return released;
#endif
}

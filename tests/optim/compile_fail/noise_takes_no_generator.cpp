// The mechanism draws from a secret key alone: no generator of LibTorch, and no seed, can stand in for one.
#include <ATen/core/Generator.h>
#include <sotto/optim/gaussian_mechanism.h>

namespace sotto::optim {
// The one place from which the constructor can be reached by hand.
struct GaussianMechanismTestAccess {
  static GaussianMechanism make(privacy::PoissonSampled event, privacy::SecretKey key, at::Generator generator) {
#ifdef SOTTO_CONTROL
    (void)generator;
    return {event, 1, std::move(key)};
#else
    (void)key;
    return {event, 1, generator};
#endif
  }
};
}  // namespace sotto::optim

#pragma once
// Makes a mechanism without a sampler, for tests of the noise alone. Nothing outside tests/ may include this.

#include <sotto/optim/gaussian_mechanism.h>

namespace sotto::optim {

struct GaussianMechanismTestAccess {
  static GaussianMechanism make(privacy::PoissonSampled event, int64_t divisor, privacy::SecretKey noise_key,
                                std::optional<double> count_noise = std::nullopt) {
    return {event, divisor, std::move(noise_key), count_noise};
  }
};

}  // namespace sotto::optim

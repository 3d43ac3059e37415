#pragma once
// Signal and noise of private training, from its settings alone.
//
// A step releases (sum of the batch's weighted gradients + noise) / B, B being the expected batch size. Of S, the bound
// on the norm of one record's weighted gradient, sigma, the noise multiplier, and d, the number of trained parameters,
// follow (Abadi et al., CCS 2016, algorithm 1)
//
//   noise of one coordinate   sigma S / B                    standard deviation
//   noise of the vector       sigma S sqrt(d) / B            root of its mean square norm
//
// The noiseless release has the mean of the weighted gradients of all records for its expectation, where the declared
// number of records is the true one, and that has norm at most S; S is reached when all records pull the same way with
// all they may. Hence the upper bounds of signal over noise
//
//   of one step               B / (sigma sqrt(d))
//   of a run of T steps       sqrt(T) B / (sigma sqrt(d))
//
// the second for the mean of the T released gradients, whose noise is that of one step over sqrt(T) while its signal is
// again at most S. S itself cancels. What a model gains is less: gradients of records disagree, are below S where they
// are not clipped, and turn from step to step. Noise off the directions in which a model learns does less harm than its
// norm says (Li et al., NeurIPS 2022, arXiv:2207.00160).

#include <sotto/privacy/budget.h>

#include <cstdint>

namespace sotto::tools {

struct ReleaseSettings {
  double noise_multiplier = 0;  // > 0
  int64_t batch = 0;            // expected, >= 1
  int64_t steps = 0;            // >= 1
  int64_t parameters = 0;       // >= 1
};

// S in the unit of the gradients. Relative rounding errors of a few 1e-16.
double coordinate_noise(const ReleaseSettings& settings, double bound);
double noise_norm(const ReleaseSettings& settings, double bound);
double step_signal_to_noise(const ReleaseSettings& settings);
double run_signal_to_noise(const ReleaseSettings& settings);

// run_signal_to_noise() where every batch is all records: N mu / sqrt(d), whatever the number of steps, mu being the
// inverse of the least noise multiplier of a single Gaussian release (Balle and Wang, ICML 2018, theorem 8), for the
// squares of mu add up over releases. Throws UsageError for a budget that is not valid.
double full_batch_signal_to_noise(const privacy::PrivacyBudget& budget, int64_t dataset_size, int64_t parameters);

}  // namespace sotto::tools

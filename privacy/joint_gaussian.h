#pragma once
// Several Gaussian releases of the same batch as one.
//
// Sums with noise multipliers s_1, s_2, ... of one batch are, each divided by its noise, one release of unit noise
// whose sensitivity is (sum_i s_i^-2)^(1/2): a Gaussian release with noise multiplier (sum_i s_i^-2)^(-1/2). Because
// the batch is the same, they are sampled together, and not once each.

#include <sotto/privacy/event.h>

namespace sotto::privacy {

// `event` is a Gaussian, or nested compositions and repetitions of Gaussians with at least one Gaussian in them;
// UsageError otherwise. One Gaussian alone comes back as it is; of several, the noise multiplier is rounded down. It is
// 0 where one of them is, or where there are too many for a double.
Gaussian joint_gaussian(const Event& event);

}  // namespace sotto::privacy

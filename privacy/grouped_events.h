#pragma once
// What a release means for k records at once: for two data sets of which one has k records more (add_remove), has null
// records in the place of k (zero_out), or has k others (replace_one). Fewer than k records are covered too.
//
//   release                       for k records                        because
//   NoOp, NonPrivate              the same
//   Gaussian(s)                   Gaussian(s / k)                      the sum moves by at most k clip norms
//   Laplace(s)                    Laplace(s / k)                       likewise
//   EpochOnce(E, s)               EpochOnce(E, s / k)                  at worst all k are in one batch, in every epoch;
//                                                                      apart they move the sums of more batches by
//                                                                      less, since the squares of parts of k sum to at
//                                                                      most k^2
//   PoissonSampled(q, s), not     MixtureOfGaussians(s, 0 .. k,        j of the k are drawn with the binomial
//     under replace_one             Bin(k, q))                         probability; below
//   ApproxDp(epsilon, delta)      (k epsilon, delta (e^(k epsilon)     a chain of k neighbours; its deltas are
//                                   - 1) / (e^epsilon - 1))            multiplied by 1, e^epsilon, ...
//   SampledDiscreteGaussian(1, s) the same with s / k                  the sum moves by an integer vector, at most k D
//   SelfComposed, Composed        of the above                         k records are the same two data sets throughout
//
// The mixture. Given the other records, Q = N(0, s^2 I) without the group and P = sum_A p_A N(v_A, s^2 I) with it, A
// running over what may be drawn of it, |v_A| <= |A|. A set S with Q(S) = a has N(v, s^2 I)(S) <= Phi(Phi^-1(a) + |v| /
// s) by Neyman and Pearson, so that P(S) <= sum_j Pr[Bin(k, q) = j] Phi(Phi^-1(a) + j / s), and half lines reach the
// right hand side for the mixture in one dimension. It grows when probability moves to larger j, which is how the
// probabilities are rounded: those of j >= 1 up, by 3e-15 k of themselves and to 3e-308 at least, and that of 0 takes
// the rest.
//
// Noise is rounded down, epsilon and delta up, and only where the quotient or product is not exact.

#include <sotto/privacy/accountant.h>

namespace sotto::privacy {

// k: 1 .. kLargestGroup; 1 gives the event back. Otherwise UsageError for what no bound is offered for: sampling
// without replacement, truncated Poisson sampling, mixtures, Poisson sampling under replace_one, and Poisson sampling
// with discrete Gaussian noise, 0 < q < 1.
Event for_group(Adjacency adjacency, const Event& event, int64_t k);

// The event for the unit: unchanged for records and users, for_group otherwise. UsageError without an adjacency.
Event for_unit(const AccountedEvents& events);

}  // namespace sotto::privacy

#pragma once
// Renyi divergences of one Poisson-subsampled Gaussian release (Mironov, Talwar, Zhang, arXiv:1908.10530, 2019).
//
// With s the noise multiplier and q the sampling rate, in units of the clip norm,
//
//   Q = N(0, s^2),   P = (1 - q) N(0, s^2) + q N(1, s^2),   r = dP/dQ = 1 - q + q exp((2x - 1) / (2 s^2)),
//   D_a(P||Q) = log E_Q[r^a] / (a - 1)         removing a record,
//   D_a(Q||P) = log E_Q[r^(1-a)] / (a - 1)     adding a record.
//
// Removal dominates addition for every a >= 1 (ibid., section 3), so add/remove accounting needs `remove` alone.
// Ranges: sampling_rate in [0, 1]; noise_multiplier finite, >= 0; order in [1, infinity], 1 being the Kullback-Leibler
// limit. UsageError otherwise. Values are in nats, never negative and never NaN; infinity where that is the answer
// (noise 0, or infinite order with q > 0 when removing). Limits: q = 0 gives 0, q = 1 gives a / (2 s^2).

#include <cstdint>

namespace sotto::privacy {

enum class Direction { remove, add };

// Relative error of subsampled_gaussian_rdp: 2e-12 against 60-digit references for noise multipliers from 0.05 to 50.
// The accountant raises every value by this much more than that before using it as a bound.
inline constexpr double kRdpRelativeMargin = 1e-11;

// Below this noise multiplier, or above this order, subsampled_gaussian_rdp returns a closed-form upper bound instead
// of the quadrature: nothing private happens there, and the cost of the quadrature grows as 1 / noise_multiplier.
inline constexpr double kSmallestQuadratureNoise = 0.02;
inline constexpr double kLargestQuadratureOrder = 1e7;

// Any real order. E_Q[g(log r)] with g(L) = expm1(k L) - k expm1(L) >= 0, k = order or 1 - order, equals the moment
// minus one because E_Q[r] = 1. Its integrand is non-negative and analytic, so the trapezoidal rule converges
// geometrically and nothing cancels. About 100 nodes; microseconds.
double subsampled_gaussian_rdp(double sampling_rate, double noise_multiplier, double order, Direction direction);

// Integer order >= 2 in direction `remove`: the binomial sum of positive terms
//   A - 1 = sum_{k=2..order} C(order, k) (1-q)^(order-k) q^k expm1(k (k-1) / (2 s^2)).
// A second opinion for the quadrature; O(order).
double subsampled_gaussian_rdp_integer(double sampling_rate, double noise_multiplier, int64_t order);

}  // namespace sotto::privacy

#pragma once
// A record's contribution as a vector of integers, whose norm is known exactly.
//
//   x_j = v_j D / S, rounded towards zero;  D = privacy::kLatticeNorm, S the rule's bound on the norm of v
//   where sum_j x_j^2 > D^2:  x_j f / 2^31, rounded towards zero;  f = floor(2^31 D / (floor(sqrt(sum_j x_j^2)) + 1))
//
// so that the norm of what comes out is at most D whatever went in: the sum of squares is computed in 128-bit integers,
// and f / 2^31 < D / ||x||. Rounding towards zero lets no norm grow, and takes less than S / D from every coordinate.
//
// Floating-point numbers decide which integers a record has, and these depend on that record alone; they decide nothing
// about how large they may be. Mironov, On Significance of the Least Significant Bits for Differential Privacy, CCS
// 2012; Canonne, Kamath, Steinke, The Discrete Gaussian for Differential Privacy, NeurIPS 2020.

#include <cstdint>
#include <span>

namespace sotto::optim {

// values: one record's, all parameters one after the other; result: as many. bound = S: finite, > 0. Returns the sum of
// squares of the result, at most D^2. All of the result is 0 where a value is not finite, or so large that the bound
// cannot have been meant: 2^31 S / D or more.
std::uint64_t round_to_lattice(std::span<const double> values, double bound, std::span<std::int64_t> result);

}  // namespace sotto::optim

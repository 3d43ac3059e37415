#pragma once
// The order at which a Renyi curve gives its best bound.
//
// A bound falls with the order while its price, some log(1/delta) / (order - 1), does, and rises with the divergence.
// Curves of sampled releases jump at order 1 + 2 s^2 log(1/q) or so, and then there may be a minimum on each side. The
// grid finds both: of its 41 orders only those are evaluated that could still be best, which a divergence already known
// at a lower order decides, because divergences do not fall with the order. A minimum is then refined by parabolas and
// golden sections (Brent 1973). Every order gives a valid bound, so an imperfect search costs tightness, never
// validity.

#include <functional>

namespace sotto::privacy {

// Least of bound(rdp(order), order) over order - 1 in [kSmallestOrderMinusOne, kLargestOrderMinusOne]. `bound` must not
// fall with the divergence; it is given 0 <= rdp <= infinity and may return anything but NaN. Infinity when it is
// infinite everywhere on the grid. About 15 evaluations of `rdp`, never more than 150.
double least_over_orders(const std::function<double(double order)>& rdp,
                         const std::function<double(double rdp, double order)>& bound);

}  // namespace sotto::privacy

#pragma once
// Renyi divergences of releases that are private without a delta, in closed form.
//
// order in [1, infinity], 1 being the Kullback-Leibler limit. Relative error below 1e-13 at every order and every size:
// both forms are sums of terms that are not negative. UsageError outside the ranges.

namespace sotto::privacy {

// Laplace noise of `scale` (finite, > 0) on a number of sensitivity 1 (Mironov, CSF 2017, proposition 6). With
// t = 1 / scale and E(x) = e^x - 1 - x >= 0,
//   A = order/(2 order - 1) e^((order-1) t) + (order-1)/(2 order - 1) e^(-order t),
//   (A - 1) / (order - 1) = (order/(order-1) E((order-1) t) + E(-order t)) / (2 order - 1).
// At infinite order t, the pure epsilon.
double laplace_rdp(double scale, double order);

// Any release that is (epsilon, 0)-private, finite epsilon >= 0: the worst of them answers one bit truthfully with
// probability e^epsilon / (1 + e^epsilon) (Kairouz, Oh, Viswanath, ICML 2015; Mironov 2017, proposition 5),
//   A - 1 = 2 sinh(order epsilon/2) sinh((order-1) epsilon/2) / cosh(epsilon/2).
double pure_rdp(double epsilon, double order);

}  // namespace sotto::privacy

#pragma once
// The scaled complementary error function and a companion, without cancellation, for exact Gaussian tails.

namespace sotto::privacy {

// e^(x^2) erfc(x), x >= 0. Relative error below 4e-15.
double erfcx(double x);

// -erfcx'(x) = 2/sqrt(pi) - 2 x erfcx(x) > 0, x >= 0. Relative error below 5e-14 for every x, where the formula itself
// loses all digits.
double negative_erfcx_derivative(double x);

// P(normal > x), every x.
double normal_upper_tail(double x);

}  // namespace sotto::privacy

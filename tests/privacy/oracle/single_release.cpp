#include "single_release.h"

namespace sotto::oracle {

namespace {

using Long =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<100, boost::multiprecision::allocate_stack>,
                                  boost::multiprecision::et_off>;

// Pr[N(0, 1) > x]
Long upper_tail(const Long& x) {
  Long result = x / sqrt(Long(2));
  mpfr_erfc(result.backend().data(), result.backend().data(), MPFR_RNDN);
  return result / 2;
}

Long subsampled(const Long& q, const Long& sigma, Side side, const Long& epsilon) {
  const Long sign = side == Side::remove ? 1 : -1;
  const Long inside = (expm1(sign * epsilon) + q) / q;
  if (inside <= 0) return side == Side::remove ? Long(-expm1(epsilon)) : Long(0);
  const Long threshold = Long(0.5) + sigma * sigma * log(inside);
  if (side == Side::remove) {
    return (1 - q - exp(epsilon)) * upper_tail(threshold / sigma) + q * upper_tail((threshold - 1) / sigma);
  }
  return (1 - exp(epsilon) * (1 - q)) * upper_tail(-threshold / sigma) -
         exp(epsilon) * q * upper_tail((1 - threshold) / sigma);
}

}  // namespace

Real closed_form_delta(const Release& release, Side side, const Real& epsilon) {
  const Long q(release.sampling_rate), sigma(release.noise_multiplier);
  const Long merged = release.steps == 1 ? sigma : Long(sigma / sqrt(Long(release.steps)));
  return Real(subsampled(q, merged, side, Long(epsilon)));
}

}  // namespace sotto::oracle

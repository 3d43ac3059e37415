#pragma once
// The oracle's numbers: MPFR at 36 decimal digits (two machine words), and the few complex operations it needs.

#include <boost/multiprecision/mpfr.hpp>
#include <cstdint>

namespace sotto::oracle {

using Real =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<36, boost::multiprecision::allocate_stack>,
                                  boost::multiprecision::et_off>;

struct Complex {
  Real re = 0;
  Real im = 0;
};

inline Complex operator+(const Complex& a, const Complex& b) {
  return {a.re + b.re, a.im + b.im};
}
inline Complex operator-(const Complex& a, const Complex& b) {
  return {a.re - b.re, a.im - b.im};
}
inline Complex operator*(const Complex& a, const Complex& b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
inline Complex operator*(const Real& a, const Complex& b) {
  return {a * b.re, a * b.im};
}
inline Real norm(const Complex& a) {
  return a.re * a.re + a.im * a.im;
}
inline Real modulus(const Complex& a) {
  return sqrt(norm(a));
}
inline Complex reciprocal(const Complex& a) {
  const Real n = norm(a);
  return {a.re / n, -a.im / n};
}

inline Complex exp(const Complex& a) {
  Complex unit;
  mpfr_sin_cos(unit.im.backend().data(), unit.re.backend().data(), a.im.backend().data(), MPFR_RNDN);
  return Real(exp(a.re)) * unit;
}

// The principal value.
inline Complex log(const Complex& a) {
  return {log(norm(a)) / 2, atan2(a.im, a.re)};
}

inline Complex power(Complex base, int64_t exponent) {
  Complex result{1, 0};
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result = result * base;
    base = base * base;
  }
  return result;
}

inline const Real& pi() {
  static const Real value = 4 * atan(Real(1));
  return value;
}

}  // namespace sotto::oracle

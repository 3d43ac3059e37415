#pragma once
// Polynomials of the Gaussian transform, highest term first, as SOTTO_FIRST(coefficient) and a list of
// SOTTO_TERM(coefficient): the vectors of gaussian_noise_lanes.h and the scalars of gaussian_transform.h evaluate the
// same ones.

// (2 atanh t - 2 t) / t^3 in t^2 for |t| <= 0.172: a Chebyshev fit, error 4e-16.
#define SOTTO_LOG_POLYNOMIAL        \
  SOTTO_FIRST(0x1.2b5900de53b32p-3) \
  SOTTO_TERM(0x1.39fe51a7c18f9p-3)  \
  SOTTO_TERM(0x1.7462b51cb66b1p-3)  \
  SOTTO_TERM(0x1.c71c62e3f11e6p-3)  \
  SOTTO_TERM(0x1.2492492df281ap-2)  \
  SOTTO_TERM(0x1.99999999952d7p-2)  \
  SOTTO_TERM(0x1.5555555555558p-1)

// sin((pi/2) x) / x in x^2 for |x| <= 1/2: a Chebyshev fit, error 5e-18.
#define SOTTO_SINE_POLYNOMIAL        \
  SOTTO_FIRST(0x1.e3f38399551bfp-25) \
  SOTTO_TERM(-0x1.e30071afc3e59p-19) \
  SOTTO_TERM(0x1.50782fda12d96p-13)  \
  SOTTO_TERM(-0x1.32d2cce2e5b19p-8)  \
  SOTTO_TERM(0x1.466bc677587f8p-4)   \
  SOTTO_TERM(-0x1.4abbce625be41p-1)  \
  SOTTO_TERM(0x1.921fb54442d18p+0)

// cos((pi/2) x) in x^2 for |x| <= 1/2: a Chebyshev fit, error 2e-19.
#define SOTTO_COSINE_POLYNOMIAL       \
  SOTTO_FIRST(-0x1.b2f3eb054afcdp-28) \
  SOTTO_TERM(0x1.f9ce245cada0bp-22)   \
  SOTTO_TERM(-0x1.a6d1eef479be1p-16)  \
  SOTTO_TERM(0x1.e1f5068688d5bp-11)   \
  SOTTO_TERM(-0x1.55d3c7e3cb241p-6)   \
  SOTTO_TERM(0x1.03c1f081b5ac0p-2)    \
  SOTTO_TERM(-0x1.3bd3cc9be45dep+0)   \
  SOTTO_TERM(1.0)

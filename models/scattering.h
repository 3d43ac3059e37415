#pragma once
// The scattering transform of pictures with Morlet wavelets up to the second order: features that no data was fitted
// to, computed once, picture by picture. What is private about a picture is private about its features.
//
// With x * f for circular convolution of the padded picture, phi the low pass of scale 2^J, and psi_{j, t} the wavelet
// of scale 2^j (j < J) and angle pi (L/2 - 1 - t) / L (t < L), the channels are, in this order,
//   x * phi,
//   |x * psi_{j, t}| * phi                        by j, then t,
//   ||x * psi_{j, t}| * psi_{k, s}| * phi, k > j  by j, t, k, s,
// each sampled at every 2^J-th pixel: 1 + J L + L^2 J (J - 1) / 2 channels, 81 for J = 2, L = 8.
//
//   g(u; sigma, s, xi) = s / (2 pi sigma^2) exp(-(u_1'^2 + s^2 u_2'^2) / (2 sigma^2) + i xi u_1'),  u' = u turned by t
//   psi_j = g(sigma = 0.8 2^j, s = 4 / L, xi = 3 pi / 4 / 2^j) - c g(the same, xi = 0),  c such that psi_j sums to 0
//   phi   = g(sigma = 0.8 2^(J-1), s = 1, xi = 0)
// made periodic on the padded picture. A modulus at scale j is kept at every 2^j-th pixel, where filters keep their
// lowest frequencies. A side of n pixels is padded by reflection to 2^J (floor(n / 2^J) + 2), by half of the difference
// rounded down before it and the rest after it; the first and the last feature of every row and column are cut off.
//
// Source: Bruna and Mallat, "Invariant Scattering Convolution Networks", 2013; constants and order of channels as in
// the library kymatio, as used by Tramer and Boneh, "Differentially Private Learning Needs Better Features", ICLR 2021.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace sotto::models {

struct ScatteringOptions {
  int64_t height = 28;  // 2^J + 1 to 4096
  int64_t width = 28;   // 2^J + 1 to 4096
  int64_t scales = 2;   // J, 1 to 6
  int64_t angles = 8;   // L, 1 to 32
};

class Scattering {
 public:
  // Throws UsageError for a value outside of its range.
  explicit Scattering(const ScatteringOptions& options);

  // Pictures [B, H, W] (float or double) -> features [B, channels, out_height, out_width] of the same type. Throws
  // UsageError for another shape. Time per picture: O(L^2 J^2 N log N) for N padded pixels.
  at::Tensor transform(const at::Tensor& pictures) const;

  int64_t channels() const;
  int64_t out_height() const { return (padded_height_ >> options_.scales) - 2; }  // 7 for 28, 8 for 32
  int64_t out_width() const { return (padded_width_ >> options_.scales) - 2; }

 private:
  at::Tensor transform_some(const at::Tensor& pictures) const;
  at::Tensor moduli(const at::Tensor& spectra, int64_t scale, int64_t resolution) const;
  at::Tensor averaged(const at::Tensor& signals, int64_t resolution) const;

  ScatteringOptions options_;
  int64_t padded_height_ = 0, padded_width_ = 0;
  std::vector<at::Tensor> psi_;  // by scale: Fourier transforms [L, padded height, padded width], double
  // By resolution: what the low pass and the sampling after it do to the rows and columns of a modulus.
  std::vector<std::pair<at::Tensor, at::Tensor>> averages_;
};

}  // namespace sotto::models

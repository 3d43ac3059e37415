#pragma once
// The product of powers of spectra, for two real sequences that share one complex transform.
//
// The first sequence is the real part of what was transformed, the second the imaginary part; their spectra follow from
// those at opposite frequencies. A power by repeated squaring errs by at most (exponent - 1) sqrt(5) units of roundoff
// of its modulus, a product by sqrt(5) more.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sotto::privacy {

class SpectrumProduct {
 public:
  // n: the length of the transforms, a power of two. The empty product is 1.
  explicit SpectrumProduct(std::size_t n);

  // Multiplies by the exponent-th power (exponent >= 1) of the spectra in `real` and `imaginary`, in the order of
  // fft.h.
  void multiply(const std::vector<double>& real, const std::vector<double>& imaginary, std::uint64_t exponent);
  // Writes the products back as one spectrum of that kind.
  void unpack(std::vector<double>& real, std::vector<double>& imaginary) const;

 private:
  std::size_t n_;
  // One of each pair of frequencies k, n - k: the one at the smaller place, in the order of places.
  std::vector<double> first_re_, first_im_, second_re_, second_im_;
};

}  // namespace sotto::privacy

#include <sotto/privacy/fft.h>
#include <sotto/privacy/spectrum_product.h>

#include <bit>
#include <cmath>

namespace sotto::privacy {
namespace {

constexpr double kFlushed = 1e-140;  // smaller moduli count as 0: their powers would be slow and are nothing

// Some complex numbers at a time.
struct Block {
  static constexpr std::size_t kSize = 64;
  double re[kSize], im[kSize];

  void multiply(const Block& by) {
    for (std::size_t i = 0; i < kSize; ++i) {
      const double a = re[i], b = im[i];
      re[i] = a * by.re[i] - b * by.im[i];
      im[i] = a * by.im[i] + b * by.re[i];
    }
  }
  void square() {
    for (std::size_t i = 0; i < kSize; ++i) {
      const double a = re[i], b = im[i];
      const double keep = std::abs(a) + std::abs(b) > kFlushed ? 1.0 : 0.0;
      re[i] = (a * a - b * b) * keep;
      im[i] = 2 * a * b * keep;
    }
  }
  void raise(std::uint64_t exponent) {
    const Block base = *this;
    for (int bit = static_cast<int>(std::bit_width(exponent)) - 2; bit >= 0; --bit) {
      square();
      if (exponent >> bit & 1) multiply(base);
    }
  }
};

}  // namespace

SpectrumProduct::SpectrumProduct(std::size_t n)
    : n_(n), first_re_(n / 2 + 1, 1.0), first_im_(n / 2 + 1), second_re_(n / 2 + 1, 1.0), second_im_(n / 2 + 1) {}

void SpectrumProduct::multiply(const std::vector<double>& real, const std::vector<double>& imaginary,
                               std::uint64_t exponent) {
  Block first{}, second{};
  std::size_t filled = 0, written = 0;
  const auto times = [](double& re, double& im, double by_re, double by_im) {
    const double a = re, b = im;
    re = a * by_re - b * by_im;
    im = a * by_im + b * by_re;
  };
  const auto flush = [&] {
    first.raise(exponent);
    second.raise(exponent);
    for (std::size_t i = 0; i < filled; ++i, ++written) {
      times(first_re_[written], first_im_[written], first.re[i], first.im[i]);
      times(second_re_[written], second_im_[written], second.re[i], second.im[i]);
    }
    filled = 0;
  };
  for (std::size_t i = 0; i < n_; ++i) {
    const std::size_t j = Fft::mirrored(i);
    if (j < i) continue;
    first.re[filled] = (real[i] + real[j]) / 2;
    first.im[filled] = (imaginary[i] - imaginary[j]) / 2;
    second.re[filled] = (imaginary[i] + imaginary[j]) / 2;
    second.im[filled] = (real[j] - real[i]) / 2;
    if (++filled == Block::kSize) flush();
  }
  if (filled > 0) flush();
}

void SpectrumProduct::unpack(std::vector<double>& real, std::vector<double>& imaginary) const {
  std::size_t read = 0;
  for (std::size_t i = 0; i < n_; ++i) {
    const std::size_t j = Fft::mirrored(i);
    if (j < i) continue;
    const double a = first_re_[read], b = first_im_[read], d = second_re_[read], e = second_im_[read];
    ++read;
    real[i] = a - e;
    imaginary[i] = b + d;
    if (j == i) continue;
    real[j] = a + e;
    imaginary[j] = d - b;
  }
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/fft.h>

#include <bit>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <map>
#include <mutex>

namespace sotto::privacy {
namespace {

constexpr std::size_t kLargest = std::size_t{1} << 26;

}  // namespace

Fft::Fft(std::size_t n) : n_(n) {
  if (!std::has_single_bit(n) || n > kLargest)
    throw UsageError(fmt::format("[Fft] bad length: {}; allowed is a power of two up to 2^26", n));
  cosine_.resize(n);
  sine_.resize(n);
  const std::size_t longest = n / 2;
  for (std::size_t j = 0; j < longest; ++j) {
    // Angles up to pi / 4 keep both roundings below one unit; the other octants follow by symmetry.
    const std::size_t eighth = longest / 4;
    const double unit = boost::math::constants::pi<double>() / static_cast<double>(longest);
    double c, s;
    if (longest < 4 || j <= eighth) {
      c = std::cos(unit * static_cast<double>(j));
      s = std::sin(unit * static_cast<double>(j));
    } else if (j <= 3 * eighth) {
      const double rest = unit * (static_cast<double>(j) - static_cast<double>(2 * eighth));
      c = -std::sin(rest);
      s = std::cos(rest);
    } else {
      const double rest = unit * static_cast<double>(longest - j);
      c = -std::cos(rest);
      s = std::sin(rest);
    }
    cosine_[longest + j] = c;
    sine_[longest + j] = s;
  }
  for (std::size_t half = longest / 2; half > 0; half /= 2) {
    for (std::size_t j = 0; j < half; ++j) {
      cosine_[half + j] = cosine_[2 * half + 2 * j];
      sine_[half + j] = sine_[2 * half + 2 * j];
    }
  }
}

// Depth first: blocks that fit the cache are finished before the next is touched.
void Fft::forward(double* real, double* imaginary) const {
  struct Walk {
    const Fft& fft;
    void operator()(double* re, double* im, std::size_t n) const {
      if (n == 1) return;
      const std::size_t half = n / 2;
      const double* const c = fft.cosine_.data() + half;
      const double* const s = fft.sine_.data() + half;
      double* const re2 = re + half;
      double* const im2 = im + half;
      for (std::size_t j = 0; j < half; ++j) {
        const double difference_re = re[j] - re2[j], difference_im = im[j] - im2[j];
        re[j] += re2[j];
        im[j] += im2[j];
        re2[j] = difference_re * c[j] + difference_im * s[j];
        im2[j] = difference_im * c[j] - difference_re * s[j];
      }
      (*this)(re, im, half);
      (*this)(re2, im2, half);
    }
  };
  Walk{*this}(real, imaginary, n_);
}

void Fft::inverse(double* real, double* imaginary) const {
  struct Walk {
    const Fft& fft;
    void operator()(double* re, double* im, std::size_t n) const {
      if (n == 1) return;
      const std::size_t half = n / 2;
      const double* const c = fft.cosine_.data() + half;
      const double* const s = fft.sine_.data() + half;
      double* const re2 = re + half;
      double* const im2 = im + half;
      (*this)(re, im, half);
      (*this)(re2, im2, half);
      for (std::size_t j = 0; j < half; ++j) {
        const double turned_re = re2[j] * c[j] - im2[j] * s[j], turned_im = im2[j] * c[j] + re2[j] * s[j];
        re2[j] = re[j] - turned_re;
        im2[j] = im[j] - turned_im;
        re[j] += turned_re;
        im[j] += turned_im;
      }
    }
  };
  Walk{*this}(real, imaginary, n_);
  const double scale = 1 / static_cast<double>(n_);  // exact
  for (std::size_t j = 0; j < n_; ++j) {
    real[j] *= scale;
    imaginary[j] *= scale;
  }
}

std::shared_ptr<const Fft> shared_fft(std::size_t n) {
  constexpr std::size_t kLargestKept = std::size_t{1} << 18;
  if (n > kLargestKept) return std::make_shared<const Fft>(n);
  static std::mutex mutex;
  static std::map<std::size_t, std::shared_ptr<const Fft>> kept;
  const std::lock_guard<std::mutex> lock(mutex);
  std::shared_ptr<const Fft>& fft = kept[n];
  if (!fft) fft = std::make_shared<const Fft>(n);
  return fft;
}

std::size_t Fft::mirrored(std::size_t i) {
  return i == 0 ? 0 : i ^ (std::bit_floor(i) - 1);
}

}  // namespace sotto::privacy

#pragma once
// Statistical checks for draws that should be independent N(0, 1). Each returns whether the draws pass, so that a test
// can also show that a wrong generator fails. False-alarm rates are those of the normal approximation for a true N(0,
// 1).

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace sotto::test {

inline double upper_tail(double x) {
  return 0.5 * std::erfc(x / std::sqrt(2.0));
}

struct Moments {
  double mean = 0, stddev = 0, kurtosis = 0;
};

inline Moments moments(const std::vector<float>& z) {
  double sum = 0, second = 0, fourth = 0;
  for (double x : z) {
    sum += x;
    second += x * x;
    fourth += x * x * x * x;
  }
  const auto n = static_cast<double>(z.size());
  Moments m;
  m.mean = sum / n;
  m.stddev = std::sqrt(second / n);  // the true mean is 0
  m.kurtosis = fourth / n / (second / n * (second / n));
  return m;
}

// Standard error of the estimate is 1 / sqrt(2 n).
inline bool stddev_within(const std::vector<float>& z, double relative) {
  return std::abs(moments(z).stddev - 1) <= relative;
}

// |mean| within `sigmas` standard errors.
inline bool mean_is_zero(const std::vector<float>& z, double sigmas) {
  return std::abs(moments(z).mean) * std::sqrt(static_cast<double>(z.size())) <= sigmas;
}

// Sample kurtosis of a normal has variance 24 / n.
inline bool kurtosis_is_three(const std::vector<float>& z, double sigmas) {
  return std::abs(moments(z).kurtosis - 3) <= sigmas * std::sqrt(24 / static_cast<double>(z.size()));
}

// Number of |z| > threshold against the binomial with the exact tail.
inline bool tail_count_fits(const std::vector<float>& z, double threshold, double sigmas) {
  const auto n = static_cast<double>(z.size());
  const double p = 2 * upper_tail(threshold);
  const auto count = std::count_if(z.begin(), z.end(), [&](float x) { return std::abs(x) > threshold; });
  return std::abs(static_cast<double>(count) - n * p) <= sigmas * std::sqrt(n * p * (1 - p));
}

// Kolmogorov-Smirnov: D sqrt(n) <= limit; false alarm 2 exp(-2 limit^2).
inline bool distribution_is_normal(std::vector<float> z, double limit) {
  std::sort(z.begin(), z.end());
  const auto n = static_cast<double>(z.size());
  double distance = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double cdf = upper_tail(-z[i]);
    distance = std::max({distance, cdf - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - cdf});
  }
  return distance * std::sqrt(n) <= limit;
}

// Product moment of x[i] and y[i + lag], and of their squares (which sees dependence without correlation, such as a
// shared radius), each within `sigmas` standard errors.
inline bool independent(const std::vector<float>& x, const std::vector<float>& y, std::size_t lag, double sigmas) {
  double product = 0, squares = 0;
  const std::size_t n = std::min(x.size(), y.size() - lag);
  for (std::size_t i = 0; i < n; ++i) {
    const double a = x[i], b = y[i + lag];
    product += a * b;
    squares += (a * a - 1) * (b * b - 1) / 2;
  }
  const double limit = sigmas * std::sqrt(static_cast<double>(n));
  return std::abs(product) <= limit && std::abs(squares) <= limit;
}

}  // namespace sotto::test

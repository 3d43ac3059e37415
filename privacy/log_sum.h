#pragma once
// A sum of positive numbers given by their logarithms, kept relative to its largest term.

#include <cmath>
#include <limits>

namespace sotto::privacy {

class LogSum {
 public:
  void add(double log_term) {
    if (log_term == -std::numeric_limits<double>::infinity()) return;
    if (log_term > peak_) {
      sum_ = sum_ * std::exp(peak_ - log_term) + 1;
      peak_ = log_term;
    } else {
      sum_ += std::exp(log_term - peak_);
    }
  }
  double log() const { return sum_ > 0 ? peak_ + std::log(sum_) : -std::numeric_limits<double>::infinity(); }
  // The largest term.
  double peak() const { return peak_; }

 private:
  double peak_ = -std::numeric_limits<double>::infinity();
  double sum_ = 0;
};

// log(1 + e^x)
inline double log1p_exp(double x) {
  return x > 40 ? x : std::log1p(std::exp(x));
}

}  // namespace sotto::privacy

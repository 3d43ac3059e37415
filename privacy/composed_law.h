#pragma once
// The law of the summed losses near one point: delta and epsilon with all margins. Made by LossComposition, which says
// where each margin comes from.

#include <sotto/privacy/bracket.h>

#include <cstddef>
#include <vector>

namespace sotto::privacy {

// Immutable.
class ComposedLaw {
 public:
  // Bracket of delta at epsilon >= 0.
  Bracket delta(double epsilon) const;
  // Least epsilon >= 0 whose upper delta is at most `delta`, and a largest one whose lower delta is above it; infinite
  // where there is none.
  Bracket epsilon(double delta) const;
  // Ends of the window in which anything is known: least and largest epsilon that epsilon() can give.
  double first() const;
  double last() const;
  // Length of the circle that the law lives on: its points times the step.
  double period() const { return period_; }

 private:
  friend class LossComposition;
  struct Side {
    std::vector<double> above;   // sum_{i >= j} f_i e^(-c (l_i - base))
    std::vector<double> excess;  // sum_{i >= j} f_i e^(-c (l_i - base)) (1 - e^(l_j - l_i))
    double infinity = 0;
    double shift = 0;   // of every loss
    double margin = 0;  // of the sums over f, in the scale of `above`
  };
  double sum(const Side& side, double epsilon) const;
  double upper_delta(double epsilon) const;
  double lower_delta(double epsilon) const;

  double step_ = 0, base_ = 0;  // loss of the first point of the window
  double c_ = 0;
  double log_scale_ = 0;  // delta = exp(log_scale - ...) * sums
  double relative_ = 0;   // of the sums
  double second_c_ = 0, second_log_ = 0;
  double period_ = 0;
  double total_shift_ = 0;
  Side upper_, lower_;
};

}  // namespace sotto::privacy

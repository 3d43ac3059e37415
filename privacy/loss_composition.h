#pragma once
// Many releases together: delta(epsilon) of their summed losses, with a bracket that holds in floating point.
//
// Each lattice law p is tilted to p_c(L) = p(L) e^(c L) / M(c); the tilted laws are composed by a discrete Fourier
// transform, powers and its inverse, and
//
//   delta(epsilon) = M(c)^T sum_L p_c^{*T}(L) e^(-c L) (1 - e^(epsilon - L))_+ .
//
// With c near the saddle point the rounding of the transform is relative to delta itself. Both ends go through one complex
// transform, upper masses in the real part and lower ones in the imaginary part. Margins:
//
//   transform  2-norm of the error of the composed law f <= T eta |p|_2 + (T u_pow + eta) |f|_2, eta of fft.h; times the
//              2-norm of the weights
//   cells      already on the safe side (loss_lattice.h); the tilt's exponentials enter T times, relatively
//   circle     laws live on a circle of period N h. What goes round it is bounded by e^(-c period) on the left and by
//              Chernoff's bound at a second tilt on the right
//   infinity   1 - prod (1 - m)^T, added

#include <sotto/privacy/bracket.h>
#include <sotto/privacy/loss_lattice.h>

#include <cstdint>
#include <vector>

namespace sotto::privacy {

class LossComposition {
 public:
  struct Term {
    LossLattice lattice;  // all of the same step
    double count;         // 1 .. 2^53, an integer
  };

  // At least one term.
  explicit LossComposition(std::vector<Term> terms);

  // K(c) = log E[e^(c L)] of the upper laws without their mass at infinity, and its derivatives. c > 0. Exact up to
  // rounding.
  struct Cumulants {
    double value, slope, curvature;
  };
  Cumulants cumulants(double c) const;

  // How far the upper laws' epsilon lies above the lower ones', nearly: (K_upper(c) - K_lower(c)) / c.
  double expected_width(double c) const;

  // Where the saddle-point approximation has this delta, or is at this epsilon; they guide and prove nothing.
  struct Saddle {
    double c;
    double epsilon;
    double log_delta;
  };
  Saddle saddle_of_delta(double delta) const;
  Saddle saddle_of_epsilon(double epsilon) const;
  // The epsilon whose saddle point is c, and the delta there for it or for another epsilon.
  Saddle saddle_at(double c) const;
  Saddle saddle_at(double c, double epsilon) const;

  // P-masses at infinity of the whole.
  double upper_infinity() const { return upper_infinity_; }
  double lower_infinity() const { return lower_infinity_; }

  // The composed law near one point.
  class Law {
   public:
    // Bracket of delta at epsilon >= 0.
    Bracket delta(double epsilon) const;
    // Least epsilon >= 0 whose upper delta is at most `delta`, and a largest one whose lower delta is above it; infinite
    // where there is none.
    Bracket epsilon(double delta) const;
    std::size_t points() const { return upper_.above.size(); }

   private:
    friend class LossComposition;
    struct Side {
      std::vector<double> above;   // sum_{i >= j} f_i e^(-c (l_i - base))
      std::vector<double> excess;  // sum_{i >= j} f_i e^(-c (l_i - base)) (1 - e^(l_j - l_i))
      double infinity = 0;
      double shift = 0;    // of every loss
      double margin = 0;   // of the sums over f, in the scale of `above`
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

  static constexpr std::size_t kMostPoints = std::size_t{1} << 26;

  // Number of points that a law near this saddle needs: a power of two, or kMostPoints + 1 for more than that.
  std::size_t points(const Saddle& saddle) const;
  // largest: limit on the number of points, at most kMostPoints. Throws UsageError above it.
  Law law(const Saddle& saddle, std::size_t largest) const;

 private:
  struct Window {
    double period, second_c, second_log;
    double margin;  // of the window below the saddle's epsilon
  };
  Window window(const Saddle& saddle) const;
  std::size_t points(const Window& around) const;
  static Saddle approximation(const Cumulants& k, double c, double epsilon);

  std::vector<Term> terms_;
  double step_;
  double total_ = 0;  // of the counts
  double upper_infinity_ = 0, lower_infinity_ = 0;
};

}  // namespace sotto::privacy

#pragma once
// Many releases together: delta(epsilon) of their summed losses, with a bracket that holds in floating point.
//
// Each lattice law p is tilted to p_c(L) = p(L) e^(c L) / M(c); the tilted laws are composed by a discrete Fourier
// transform, powers and its inverse, and
//
//   delta(epsilon) = M(c)^T sum_L p_c^{*T}(L) e^(-c L) (1 - e^(epsilon - L))_+ .
//
// With c near the saddle point the rounding of the transform is relative to delta itself. Both ends go through one
// complex transform, upper masses in the real part and lower ones in the imaginary part. Margins:
//
//   transform  2-norm of the error of the composed law f <= T eta |p|_2 + (T u_pow + eta) |f|_2, eta of fft.h;
//              times the 2-norm of the weights
//   cells      already on the safe side (loss_lattice.h); the tilt's exponentials enter T times, relatively
//   circle     laws live on a circle of period N h. What goes round it is bounded by e^(-c period) on the left and by
//              Chernoff's bound at a second tilt on the right
//   infinity   1 - prod (1 - m)^T, added

#include <sotto/privacy/composed_law.h>
#include <sotto/privacy/loss_lattice.h>
#include <sotto/privacy/tilted_moment.h>

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

  // Of the upper laws together, without their mass at infinity; c > 0.
  Cumulants cumulants(double c) const;

  // How far the upper laws' epsilon lies above the lower ones', nearly: (K_upper(c) - K_lower(c)) / c.
  double expected_width(double c) const;

  // A tilt, and the place that it is for; it guides and proves nothing.
  struct Saddle {
    double c;
    double epsilon;
    double log_delta;  // by the saddle-point approximation
  };
  // Where Chernoff's bound exp(K(c) - c epsilon), at its least, is delta: epsilon is not below the upper laws', and
  // above it by a few times 1 / c unless large losses are rare.
  Saddle saddle_of_delta(double delta) const;
  Saddle saddle_of_epsilon(double epsilon) const;
  // The epsilon for which Chernoff's bound is least at c; the approximation at c for another epsilon.
  Saddle saddle_at(double c) const;
  Saddle saddle_at(double c, double epsilon) const;

  static constexpr std::size_t kMostPoints = std::size_t{1} << 26;

  // Number of points that a law near this saddle needs: a power of two, or kMostPoints + 1 for more than that.
  std::size_t points(const Saddle& saddle) const;
  // largest: limit on the number of points, at most kMostPoints. Throws UsageError above it.
  ComposedLaw law(const Saddle& saddle, std::size_t largest) const;

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

#pragma once
// delta(epsilon) of composed releases by Laplace inversion:
//
//   delta(epsilon) = 1 / (2 pi i) * integral of M(z)^T exp(-z epsilon) / (z (z + 1)) dz
//
// over a contour that crosses the real axis at c > 0. Two contours, both summed by the trapezoidal rule:
//
//   line       z = c + i w. The moment is advanced from node to node by one multiplication per loss. Where |M|^T
//              decays before `most_nodes`.
//   hyperbola  z = c +- mu sin(a) (cosh v - 1) + i mu cos(a) sinh v, bent to the right for remove, where the loss is
//              bounded below by log(1 - q), and to the left for add, where it is bounded above by -log(1 - q): the
//              integrand decays exponentially however rare inclusions are, and the nodes are spread over all scales.
//
// An Inversion does not judge its own error: compare two with different settings (exact_epsilon.cpp).

#include <optional>
#include <vector>

#include "release.h"

namespace sotto::oracle {

struct InversionSettings {
  double abscissa = 1;      // c
  double near_epsilon = 0;  // the sum is good for epsilon near this
  double log_delta = 0;     // and delta of about this size
  double period = 1;        // multiplies the period of the line; divides the step of the hyperbola
  double loss_step = 1;     // multiplies the first step of the rule for M
  double angle = 0.38;      // a, of the hyperbola
  long most_nodes = 4000;   // of the line
};

// Period of the line, 2 pi / step, that keeps its aliases below the accuracy of the sum: the cost of an abscissa.
double alias_free_period(const Law& law, const InversionSettings& settings);

class Inversion {
 public:
  // Nothing when the sums would need more nodes than allowed.
  static std::optional<Inversion> line(const Law& law, const InversionSettings& settings);
  static std::optional<Inversion> hyperbola(const Law& law, const InversionSettings& settings);

  struct Value {
    Real delta;
    Real slope;  // d delta / d epsilon
  };
  Value at(const Real& epsilon) const;
  size_t nodes() const { return nodes_.size(); }

 private:
  struct Node {
    Complex z;
    Complex factor;  // (M(z) / M(c))^T / (z (z + 1)) dz / pi
  };
  Real log_scale_ = 0;  // T log M(c)
  std::vector<Node> nodes_;
};

}  // namespace sotto::oracle

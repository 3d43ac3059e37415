#pragma once
// What the nodes that a contour sum leaves out can add, where the moments hardly decay along the line. Direction
// `remove`.
//
// The terms are f(c + i k h), f(z) = M(z) e^(-z epsilon) / (z (z + 1)), P = 2 pi / h. They are weighted by 1 up to
// k = first and then by a line that falls to 0 at k = last. What that leaves out is the mean, over j in [first, last),
// of R_j, the sum over all k > j. By residues h R_j is the integral of f K_c around those nodes,
// K_c(z) = E / (1 - E), E = exp(P (z - c)): along Im z = (j + 1/2) h from the left to Re z = sigma, and from there
// upwards. On Im z = (j + 1/2) h the kernel is the same for every j, so that the mean over j of f remains, at every
// abscissa; and that sum is turned into integrals along Im z = first h and Im z = last h in the same way. On the left
// the kernels fall as exp(P Re z) and |M(z)| <= M(c) e^(l (c - Re z)), l = -sum log(1 - q) the largest gain; on the
// right exp(-z epsilon) falls and |M| has the bounds of moment_envelope.h. With W = first h all of it is worth
// O(1 / W^3) relative to M(c) e^(-c epsilon); the sum cut off at W would leave out 1 / W.

#include <sotto/privacy/event.h>
#include <sotto/privacy/merged_events.h>

#include <cstddef>
#include <vector>

namespace sotto::privacy {

class ContourTail {
 public:
  // log_moment is log M(c), good to rounding. Only Poisson-sampled Gaussian releases, no plain ones. 1 <= first < last,
  // whole numbers. `epsilon` chooses how far to the right the paths go.
  ContourTail(const MergedEvents& events, double c, double log_moment, double step, double first, double last,
              double epsilon);

  // Of the term k, in [0, 1].
  double weight(double k) const;
  // Upper bound of h / pi |what the weights leave out| / (M(c) e^(-c epsilon)); may be infinite.
  double at(double epsilon) const;

 private:
  double step_, first_, last_;
  double gain_ = 0;               // l
  std::vector<double> distance_;  // Re z - c at the ends of pieces, from 0
  std::vector<double> log_most_;  // of |M(z)| / M(c) in each piece
  std::vector<double> log_end_;   // and at its end
  std::size_t pieces_ = 0;        // of these; there the paths turn upwards
};

}  // namespace sotto::privacy

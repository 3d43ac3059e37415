#pragma once
// The product of the moments of all releases on a line Re z = c, and the choice of the line. Not for users: what
// contour_accountant.h is made of.

#include <sotto/privacy/loss_moment.h>
#include <sotto/privacy/merged_events.h>
#include <sotto/privacy/rdp.h>

#include <complex>
#include <vector>

namespace sotto::privacy {

// Plain Gaussian releases and Poisson-sampled ones; `events` outlives what is made of it.
struct ContourProblem {
  const MergedEvents& events;
  Direction direction;
};

// Throws the UsageError of a question that the contour integral cannot certify; `why` completes the sentence.
[[noreturn]] void refuse_contour(const char* why);

class ContourLine {
 public:
  enum class Use { certify, choose };
  ContourLine(const ContourProblem& problem, double c, Use use = Use::certify);

  // log of the product of all moments at c + i omega
  CertifiedLog log_at(double omega) const;
  // d/dc of that at omega = 0; no bound
  double slope() const;
  // log of an upper bound of |product at c + i w| / product at c, for every w >= omega
  double log_decay(double omega) const;
  // that one log_at() visits
  double nodes() const;

 private:
  ContourProblem problem_;
  double c_;
  std::vector<LossMoment> moments_;
};

// The c where the integrand is stationary for this epsilon: d/dc (log M - c epsilon - log(c (c + 1))) = 0.
double contour_saddle(const ContourProblem& problem, double epsilon);

// The epsilon at which the saddle-point approximation has this delta. No bound; it only chooses the line.
double contour_saddle_of_delta(const ContourProblem& problem, double delta);

}  // namespace sotto::privacy

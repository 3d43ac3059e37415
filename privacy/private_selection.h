#pragma once
// The privacy of "train K times, return the best" (Papernot, Steinke, ICLR 2022).
//
// One run Q is a whole private training that draws its own hyper-parameters from a law fixed beforehand, independent of
// the records, with replacement, and releases a score. K is drawn once (selection_runs.h), Q is run K times with fresh
// randomness, and the run with the best score is returned; with K = 0 something that does not depend on the records.
// The bounds hold when that alone leaves: neither K, nor another run, nor another score, nor the time it took; when
// scores are totally ordered, ties broken without the records; and when computing the score is part of Q, so that Q's
// curve covers it. With D_l the Renyi divergence of order l > 1 between the outputs on two neighbours, in either order
// of the two, base(l) a bound of Q's and c >= 1 any order,
//
//   truncated negative binomial (theorem 2; eta > -1, 0 < gamma < 1)
//     D_l <= base(l) + (1 + eta) ((1 - 1/c) base(c) + log(1/gamma) / c) + log E[K] / (l - 1)
//   Poisson (theorem 6 and a term for K = 0)
//     D_l <= log(e^-mean + mean e^((l - 1) (base(l) + mean delta'))) / (l - 1)
//     where Q is (epsilon', delta')-private and e^epsilon' <= 1 + 1 / (l - 1)
//
// Without e^-mean, the part of K = 0, the last bound is theorem 6, base(l) + mean delta' + log(mean) / (l - 1), which
// for mean < 1 falls below 0 where base = 0. It adds at most e^-mean / (mean (l - 1)). The README of this folder
// derives both bounds. The best c is found by order_search.h and epsilon' is the largest allowed, with delta' from the
// same curve.
//
// When base is (epsilon, 0)-private the whole is ((2 + eta) epsilon, 0)-private (corollary 3), the limit of l and c.
// All results are upper bounds, rounded upward, whenever `base` is one.

#include <sotto/privacy/accountant.h>
#include <sotto/privacy/conversion.h>
#include <sotto/privacy/selection_runs.h>

namespace sotto::privacy {

// Copies share the curve. Safe to share between threads where the curve is; that of AccountedEvents is.
class PrivateSelection {
 public:
  // `base` bounds the divergence of one run at every order in (1, infinity], in both directions; it does not fall with
  // the order and may be infinite. Throws UsageError when `runs` is out of range or `base` is negative or not a number.
  PrivateSelection(SelectionRuns runs, RdpCurve base);
  // One run makes these events. Throws UsageError where the Renyi accountant refuses them (rdp_accountant.h).
  PrivateSelection(SelectionRuns runs, const AccountedEvents& base);

  const SelectionRuns& runs() const { return runs_; }

  // Upper bound of the divergence of the whole; order in (1, infinity]. +infinity when there is no bound.
  double rdp(double order) const;
  // Least epsilon at 0 <= delta < 1, over orders from 1.001 to 100001 and infinity; delta = 0 asks for a pure bound.
  double epsilon(double delta) const;
  // Least delta at a finite epsilon >= 0; at most 1.
  double delta(double epsilon) const;

 private:
  double whole(double base, double order) const;

  SelectionRuns runs_;
  RdpCurve base_;
  double log_mean_;       // rounded upward
  double auxiliary_ = 0;  // the term with c of a truncated negative binomial
};

}  // namespace sotto::privacy

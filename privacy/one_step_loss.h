#pragma once
// The privacy loss of one release in one direction, under its dominating pair: pieces with a density along a line,
// atoms, and mass at infinity.
//
//   event                 remove (or the only direction)                        source
//   Gaussian, mean mu     N(mu) against N(0)                                    Balle, Wang, ICML 2018
//   PoissonSampled        (1-q) N(0) + q N(1) against N(0)                      Zhu, Dong, Wang, AISTATS 2022
//     under replace_one   (1-q) N(0) + q N(1) against (1-q) N(0) + q N(-1)      half-space argument, privacy/README.md
//   WithoutReplacement    at every epsilon the larger of both directions of     Zhu, Dong, Wang, AISTATS 2022;
//                         Poisson sampling with q = batch / size, shift 2       Lebeda et al., arXiv:2405.20769
//   TruncatedPoisson      two cases of Poisson sampling, told apart             truncated_cases() below
//   MixtureOfGaussians    sum_i p_i N(s_i) against N(0)                         Choquette-Choo et al., arXiv:2310.15526
//   Laplace               Lap(1) against Lap(0)                                 Dwork et al. 2006
//   ApproxDp              randomised response that reveals all with delta       Kairouz, Oh, Viswanath, ICML 2015
//
// SampledDiscreteGaussian has no entry: no pair in one dimension is known to dominate it, and it is refused.
//
// Sensitivities in units of the clip norm. `add` is the same pair exchanged; the symmetric ones have one direction.

#include <sotto/privacy/adjacency.h>
#include <sotto/privacy/loss_pair.h>
#include <sotto/privacy/merged_events.h>
#include <sotto/privacy/rdp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sotto::privacy {

struct OneStepLoss {
  // Losses of the pair between two points of its line, with a probability. Which piece it was is public.
  struct Piece {
    std::shared_ptr<const LossPair> pair;
    double from, to;  // may be infinite
    double weight = 1;
  };
  struct Atom {
    double loss;
    double mass;
    double error = 0;  // of the mass, absolute, beyond a few units of roundoff
  };
  std::vector<Piece> pieces;  // the heaviest first
  std::vector<Atom> atoms;    // the heaviest first
  double mass_at_infinity = 0;
  double raised = 0;  // what all weights may be above the exact ones by, relatively
};

// Why the release has no loss here; nothing when it has one.
std::optional<std::string> why_no_loss(const SingleRelease& release);
// Throws UsageError with that reason.
OneStepLoss one_step_loss(const SingleRelease& release, Adjacency adjacency, Direction direction);
// All releases without sampling together; mean > 0, finite.
OneStepLoss gaussian_loss(double mean);

// Whether the two directions have the same loss.
bool is_symmetric(const SingleRelease& release, Adjacency adjacency);

// The two cases of a batch of the n records of the larger data set that is cut to `cap`, B ~ Bin(n - 1, q) of the
// others being drawn. With B < cap the record joins with probability q and moves the sum by 1. With B >= cap the batch
// of the others is a uniform subset U of cap records, whatever B is; the record then takes the place of a member of U,
// which moves the sum by up to 2, with probability
//
//   q' = E[q cap / (B + 1) | B >= cap] = cap / n P(Bin(n, q) > cap) / P(Bin(n - 1, q) >= cap).
//
// Given the case and U, the pair is that of Poisson sampling; revealing both only helps an attacker. Raised by their
// rounding.
struct TruncatedCase {
  double probability;
  double rate;   // of the record's presence in the batch
  double shift;  // of the sum, in clip norms
};
std::vector<TruncatedCase> truncated_cases(const TruncatedPoisson& event);

}  // namespace sotto::privacy

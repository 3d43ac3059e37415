#pragma once
// Epsilon over the steps of a run, as certified upper bounds.

#include <sotto/privacy/ledger_contents.h>

#include <cstdint>
#include <vector>

namespace sotto::tools {

struct EpsilonPoint {
  std::int64_t step = 0;  // after so many steps
  double epsilon = 0;     // upper bound of epsilon at the ledger's delta
  bool executed = false;  // charged in the ledger; otherwise planned

  friend bool operator==(const EpsilonPoint&, const EpsilonPoint&) = default;
};

inline constexpr std::int64_t kEpsilonPoints = 20;
inline constexpr std::int64_t kFewEpsilonPoints = 3;

// Bounds after steps from the first to the last planned one, with the charges of the ledger up to the last charged step
// and its planned event beyond. Every step where there are at most `most_points`; otherwise the first, the last that
// was charged, the last that is planned, and those near (i / n)^2 of all: epsilon grows about like the root of the
// steps, so that they lie evenly in epsilon. At most two more than `most_points`; growing in step, never falling in
// epsilon. Where a sampling rate is below 1e-4 an answer may take a second, and most_points is at most
// kFewEpsilonPoints.
//
// At the last charged and the last planned step the bound is that of certified_epsilon() (accountant.h), and no more at
// the former than at the latter. Elsewhere it is the upper end of the contour integral after 30 expected draws of a
// record, of the PLD before, both to 2 %, or of Renyi accounting where these refuse; held between the bounds of earlier
// and later points: more steps cost no less, and a bound may be raised. Between two points the bound of the later one
// holds.
//
// Empty where nothing is planned or charged. Throws UsageError for most_points < 2 and where no accountant can answer.
std::vector<EpsilonPoint> epsilon_curve(const privacy::LedgerContents& ledger,
                                        std::int64_t most_points = kEpsilonPoints);

}  // namespace sotto::tools

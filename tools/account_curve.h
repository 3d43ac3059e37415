#pragma once
// `sotto account curve`: all (epsilon, delta) that a run satisfies, and the trade-off between the two errors of an
// attacker who tests whether a record took part.
//
// The trade-off follows from the upper ends of delta (Wasserman, Zhou 2010; Dong, Roth, Su 2022, proposition 2.5):
//
//   type II error >= sup over epsilon of max(0, 1 - delta - e^epsilon alpha, e^-epsilon (1 - delta - alpha))
//
// for a test with type I error alpha. Taking finitely many epsilons only lowers it: it is a lower bound of the error,
// and so an upper bound of what the attacker can do.

#include <sotto/tools/account_question.h>

#include <string>
#include <vector>

namespace sotto::tools {

struct ProfilePoint {
  double epsilon = 0;
  privacy::Bracket delta = {};
};
struct TradeOffPoint {
  double type_one_error = 0;
  double type_two_error = 0;  // lower bound
};

struct PrivacyCurve {
  std::vector<ProfilePoint> profile;     // epsilon growing from 0
  std::vector<TradeOffPoint> trade_off;  // type I error growing from 0 to 1
  std::string method;                    // "certified (contour)"
};

// `points` epsilons from 0 to the one that goes with question.delta, which must be set and above 0. Every point is the
// bracket of the first exact engine that can certify it, or of question.method. Throws UsageError when there is no
// finite epsilon at that delta.
PrivacyCurve privacy_curve(const AccountQuestion& question, int points);

// The lower bound above from the points of a profile.
double type_two_error(const std::vector<ProfilePoint>& profile, double type_one_error);

// One table: a comment with `heading`, a header line, and rows of both curves ("epsilon-delta", "trade-off").
std::string curve_csv(const PrivacyCurve& curve, const std::string& heading);
// A picture of both, as SVG.
std::string curve_svg(const PrivacyCurve& curve, const std::string& heading);

}  // namespace sotto::tools

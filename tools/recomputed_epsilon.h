#pragma once
// Epsilon once more, by every engine that has an answer, to be compared with one that is claimed.

#include <sotto/privacy/accountant.h>

#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

struct EngineEpsilon {
  privacy::Method method;
  std::optional<privacy::Bracket> bracket;  // nothing where the engine has no answer
  std::string reason;                       // why it has none
};

struct RecomputedEpsilon {
  std::vector<EngineEpsilon> engines;
  double lower = 0;  // the largest lower end
  double upper = 0;  // the smallest upper end

  // A claim is false when it is below what some engine proves to be lost, and is proven when an engine's upper end is
  // not above it. Between the two nothing is known, and the claim counts as false.
  bool refutes(double claim) const { return lower > claim; }
  bool proves(double claim) const { return upper <= claim; }
  // "contour [2.99815, 2.99823], pld [2.99816, 2.99821]", ends rounded outward.
  std::string text() const;
};

// Throws InternalError where two brackets have nothing in common, UsageError where no engine has an answer.
RecomputedEpsilon recomputed_epsilon(const privacy::AccountedEvents& events, double delta);

}  // namespace sotto::tools

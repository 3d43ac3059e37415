#pragma once
// A question's events put to the engine that it names, or to all of them.

#include <sotto/privacy/bracket.h>
#include <sotto/tools/account_question.h>

#include <functional>
#include <string>

namespace sotto::tools {

struct EngineAnswer {
  privacy::Bracket bracket;
  std::string method;  // "certified (pld, contour)", "pld", "rdp (upper bound)"
};

// Throw UsageError that names --method or --unit when the engine cannot account for the events or cannot certify a
// bracket.
EngineAnswer bracket_epsilon(const AccountQuestion& question, double delta);
EngineAnswer bracket_delta(const AccountQuestion& question, double epsilon);

// What a method is called beside its number.
std::string method_name(privacy::Method method);

// What the run of a shuffle would cost if its batches were Poisson samples of the same rate: hypothetical. Nothing
// where the question is of another sampler or the rate is not known.
std::optional<EngineAnswer> epsilon_if_poisson(const AccountQuestion& question, double delta);

}  // namespace sotto::tools

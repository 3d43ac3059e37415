#pragma once
// The sentence to quote: what was released, how it was sampled, who the neighbours are, the guarantee, how it was
// computed, what it rests on and what it does not cover. Assumptions that this command cannot check carry the word
// UNPROVEN.

#include <sotto/tools/account_question.h>

#include <string>

namespace sotto::tools {

// "14062 steps of DP-SGD with Poisson sampling at rate 0.01 and noise multiplier 1.1". `noise` as it is to be shown.
std::string describe_releases(const AccountQuestion& question, const std::string& noise);

// "one record is added or removed".
std::string describe_neighbours(const AccountQuestion& question);

struct StatedGuarantee {
  std::string epsilon, delta;  // as shown, rounded up; epsilon "inf" says that there is none
  std::string lower_end;       // "lower end of epsilon 2.38159"; may be empty
  std::string method;          // "certified (pld, contour)"
};
std::string statement(const AccountQuestion& question, const std::string& noise, const StatedGuarantee& guarantee);

}  // namespace sotto::tools

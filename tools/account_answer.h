#pragma once
// The answer to one question of `sotto account`, as lines with a sentence to quote or as one JSON object.

#include <sotto/tools/account_engines.h>

#include <iosfwd>
#include <optional>
#include <string>

namespace sotto::tools {

struct AccountAnswer {
  AccountQuestion question;  // complete: what was calibrated is filled in
  Unknown calibrated = Unknown::nothing;
  privacy::Bracket epsilon = {}, delta = {};  // both ends equal where the value was given
  std::string method = {};
  std::optional<double> target_epsilon = std::nullopt;    // of a calibration: shown epsilons do not exceed it
  std::optional<EngineAnswer> if_poisson = std::nullopt;  // beside the answer for a shuffle
};

// Upper ends are shown rounded up, lower ends and calibrated rates rounded down, given values as they were typed. JSON
// has full precision, with "inf" for infinity.
void print_answer(const AccountAnswer& answer, bool json, std::ostream& out);

// The sentence that the answer prints.
std::string statement(const AccountAnswer& answer);

}  // namespace sotto::tools

#pragma once
// `sotto account compare`: the same question put to every engine.

#include <sotto/tools/account_question.h>

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

struct EngineRow {
  std::string method;                                      // "pld", "certified (contour, pld)", "clt (ESTIMATE)"
  std::optional<privacy::Bracket> bracket = std::nullopt;  // nothing where the engine refuses
  double milliseconds = 0;
  std::string note = {};  // the reason of a refusal, or what the number is
};

// One of question.epsilon and question.delta is set; the other is what is compared. With `estimate` the limit of many
// small steps, mu = sqrt(sum of T q^2 (e^(1 / s^2) - 1)) (Bu, Dong, Long, Su, HDSR 2020), is added, which is not a
// bound and may be far below the truth; only for Poisson sampling under add_remove and zero_out.
std::vector<EngineRow> compare_engines(const AccountQuestion& question, bool estimate);

enum class TableFormat { text, csv, json };
void print_comparison(const AccountQuestion& question, const std::vector<EngineRow>& rows, TableFormat format,
                      std::ostream& out);

}  // namespace sotto::tools

// The golden tables through the command line.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "../privacy/golden_table.h"
#include "account_program.h"

namespace sotto::tools {
namespace {

using privacy::GoldenRow;
using privacy::read_golden;
using testing::run_json;

TEST(AccountGolden, ComposedRowsLieInTheirBrackets) {
  for (const GoldenRow& row : read_golden("golden_composed.csv")) {
    const double tolerance = row.number("tol"), expected = row.number("eps_max");
    std::string line = "account compose --delta " + row.text("delta");
    const auto rates = row.numbers("q"), noises = row.numbers("sigma"), steps = row.numbers("T");
    for (size_t i = 0; i < rates.size(); ++i)
      line += " --phase " + testing::exact(rates[i]) + "," + testing::exact(noises[i]) + "," +
              std::to_string(static_cast<int64_t>(steps[i]));
    const auto answer = run_json(line);
    const double lower = answer.at("epsilon_lower"), upper = answer.at("epsilon_upper");
    EXPECT_LE(lower - tolerance, expected) << row.text("label");
    EXPECT_GE(upper + tolerance, expected) << row.text("label");
  }
}

TEST(AccountGolden, RenyiRowsAreMetInBothDirections) {
  constexpr double kTolerance = 2e-12;
  for (const GoldenRow& row : read_golden("golden_rdp.csv")) {
    const auto answer = run_json("account rdp --steps 1 --sampling-rate " + row.text("q") + " --noise-multiplier " +
                                 row.text("sigma") + " --order " + row.text("alpha"));
    for (const char* direction : {"rdp_remove", "rdp_add"}) {
      const double expected = row.number(direction);
      EXPECT_NEAR(answer.at(direction).get<double>(), expected, kTolerance * expected)
          << direction << " at order " << row.text("alpha");
    }
  }
}

TEST(AccountGolden, OneStepDeltasLieInTheirBrackets) {
  for (const GoldenRow& row : read_golden("golden_delta.csv")) {
    const double epsilon = row.number("eps");
    if (epsilon < 0) continue;
    const double expected = std::max(row.number("delta_remove"), row.number("delta_add"));
    const auto answer = run_json("account delta --steps 1 --sampling-rate " + row.text("q") + " --noise-multiplier " +
                                 row.text("sigma") + " --width 0.5 --epsilon " + row.text("eps"));
    EXPECT_LE(answer.at("delta_lower").get<double>(), expected * (1 + 1e-11)) << row.text("q") << " " << epsilon;
    EXPECT_GE(answer.at("delta_upper").get<double>(), expected * (1 - 1e-11)) << row.text("q") << " " << epsilon;
  }
}

}  // namespace
}  // namespace sotto::tools

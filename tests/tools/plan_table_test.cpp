// The table that `sotto plan` prints, and the worked example of its help. Runs the real program.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "plan_program.h"

namespace sotto::tools {
namespace {

using testing::kPlan;
using testing::number;
using testing::Outcome;
using testing::run_json;
using testing::run_line;

// The table of the text: words of its rows, the suggested one without its star.
std::vector<std::vector<std::string>> table(const std::string& text, size_t* starred = nullptr) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (inside && line.empty()) break;
    if (inside) {
      if (line[0] == '*' && starred != nullptr) *starred = rows.size();
      line[0] = ' ';
      std::istringstream words(line);
      rows.emplace_back();
      for (std::string word; words >> word;) rows.back().push_back(word);
    }
    inside = inside || line.rfind("     batch", 0) == 0;
  }
  return rows;
}

TEST(PlanCommand, TableAndJsonAgree) {
  const std::string line = kPlan + "--batch 256,1024,32768 --epochs 5,10";
  const auto plan = run_json(line);
  const Outcome outcome = run_line(line);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  size_t starred = 0;
  const auto rows = table(outcome.out, &starred);
  ASSERT_EQ(rows.size(), plan.at("rows").size()) << outcome.out;
  EXPECT_EQ(starred, plan.at("suggested").at("row"));
  double best = 0;
  for (const auto& row : plan.at("rows")) best = std::max(best, number(row, "run_signal_to_noise"));
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& row = plan.at("rows")[i];
    EXPECT_EQ(rows[i][0], row.at("batch").dump());
    EXPECT_EQ(rows[i][1], row.at("steps").dump());
    const double noise = std::stod(rows[i][3]), epsilon = std::stod(rows[i][4]);
    EXPECT_GE(noise, number(row, "noise_multiplier"));
    EXPECT_LT(noise, number(row, "noise_multiplier") * (1 + 1e-5));
    EXPECT_GE(epsilon, number(row, "epsilon"));
    EXPECT_LE(epsilon, 3);
    const std::vector<std::pair<size_t, const char*>> columns = {{2, "epochs"},
                                                                 {5, "coordinate_noise"},
                                                                 {6, "noise_norm"},
                                                                 {7, "step_signal_to_noise"},
                                                                 {8, "run_signal_to_noise"}};
    for (const auto& [column, key] : columns)
      EXPECT_NEAR(std::stod(rows[i][column]) / number(row, key), 1, 6e-3) << key;
    const auto marks = static_cast<size_t>(std::lround(20 * number(row, "run_signal_to_noise") / best));
    if (marks > 0) {
      EXPECT_EQ(rows[i][9], std::string(marks, '#'));
    }
    std::string notes;
    for (const auto& note : row.at("notes")) notes += (notes.empty() ? "" : ",") + note.get<std::string>();
    EXPECT_EQ(rows[i].back(), notes.empty() ? "-" : notes);
  }
  EXPECT_NE(outcome.out.find(plan.at("suggested").at("train_options").get<std::string>()), std::string::npos);
  for (const auto& [name, sentence] : plan.at("notes").items())
    EXPECT_NE(outcome.out.find(sentence.get<std::string>()), std::string::npos) << name;
}

TEST(PlanCommand, TheWorkedExampleInHelpIsReal) {
  const Outcome help = run_line("plan --help");
  EXPECT_EQ(help.exit_code, 0);
  std::istringstream lines(help.out);
  std::string arguments, shown;
  for (std::string line; std::getline(lines, line);) {
    const std::string prompt = "  $ sotto ";
    if (line.rfind(prompt, 0) == 0)
      arguments = line.substr(prompt.size());
    else if (!arguments.empty())
      shown += (line.rfind("  ", 0) == 0 ? line.substr(2) : line) + "\n";
  }
  ASSERT_EQ(arguments.rfind("plan ", 0), 0u) << help.out;
  while (shown.ends_with("\n\n")) shown.pop_back();
  const Outcome outcome = run_line(arguments);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, shown);
}

}  // namespace
}  // namespace sotto::tools

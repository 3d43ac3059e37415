// `sotto bench account`, run as a program.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "../tools/program.h"

namespace sotto::tools {
namespace {

using testing::Outcome;
using testing::run;

nlohmann::json row(const std::string& name) {
  const Outcome outcome = run({"bench", "account", "--row", name, "--runs", "1", "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto rows = nlohmann::json::parse(outcome.out).at("rows");
  EXPECT_EQ(rows.size(), 1);
  return rows.at(0);
}

// Whatever the machine's speed, what is measured must be the right thing. The exact epsilon is the contour integral at
// 30 digits (mpmath, two steps and lines that agree to 28).
TEST(BenchAccount, RowsAnswerTheirQuestion) {
  constexpr double kExact = 6.187712389971539;
  const auto pld = row("pld-1e-3"), fine = row("pld-1e-6"), contour = row("contour-1e-6"), rdp = row("rdp");
  for (const auto& certified : {pld, fine, contour}) {
    EXPECT_LE(certified.at("lower"), kExact) << certified;
    EXPECT_GE(certified.at("upper"), kExact) << certified;
  }
  EXPECT_LE(pld.at("width"), 1e-3);
  EXPECT_LE(fine.at("width"), 1e-6);
  EXPECT_LE(contour.at("width"), 1e-6);
  EXPECT_GT(rdp.at("upper"), kExact);
  EXPECT_FALSE(rdp.contains("lower"));
  EXPECT_EQ(row("process").at("quantity"), "epsilon");
}

TEST(BenchAccount, TableHasARowForEachMeasurement) {
  const Outcome outcome = run({"bench", "account", "--row", "rdp", "--runs", "1"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out.rfind("| question | method |", 0), 0) << outcome.out;
  EXPECT_NE(outcome.out.find("| q 0.01, sigma 1, T 10000, delta 1e-05 | rdp | <= 6.7"), std::string::npos)
      << outcome.out;
}

TEST(BenchAccount, BadValuesAreRefused) {
  const auto refused = [](const std::vector<std::string>& flags, const std::string& expected) {
    std::vector<std::string> words{"bench", "account"};
    words.insert(words.end(), flags.begin(), flags.end());
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.exit_code, 64);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(expected), std::string::npos) << outcome.err;
  };
  refused({"--runs", "0"}, "[--runs] bad value: 0; allowed is an integer from 1");
  refused({"--runs", "three"}, "--runs");
  refused({"--row", "none"}, "[--row] unknown row: 'none'; allowed are pld-1e-3");
  refused({"--questions", SOTTO_QUESTIONS}, "give --json");
  refused({"--questions", "/no/such/file", "--json"}, "cannot read /no/such/file");
  refused({"--questions", SOTTO_QUESTIONS, "--json", "--width", "0"}, "[--width] bad value: 0");
}

}  // namespace
}  // namespace sotto::tools

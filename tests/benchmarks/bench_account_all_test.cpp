// `sotto bench account` as a whole; some of its rows take seconds.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "../tools/program.h"

namespace sotto::tools {
namespace {

TEST(BenchAccountAll, EveryRowAnswersAndNamesItsBar) {
  const testing::Outcome outcome = testing::run({"bench", "account", "--runs", "1", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto table = nlohmann::json::parse(outcome.out);
  std::set<std::string> names;
  for (const auto& measured : table.at("rows")) {
    EXPECT_FALSE(measured.contains("error")) << measured;
    EXPECT_GT(measured.at("bar_seconds"), 0);
    EXPECT_GT(measured.at("seconds"), 0);
    EXPECT_GT(measured.at("peak_bytes"), 1 << 20);
    EXPECT_GT(measured.at("upper"), 0);
    names.insert(measured.at("row"));
  }
  EXPECT_EQ(names.size(), 12);
}

}  // namespace
}  // namespace sotto::tools

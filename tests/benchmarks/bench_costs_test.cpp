// `sotto bench costs` measures a machine once, and what chooses strategies takes it from there.

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "../tools/program.h"

namespace sotto::tools::testing {
namespace {

class BenchCosts : public ::testing::Test {
 protected:
  Outcome run_here(const Words& words) const {
    return run(words, [&] { ::setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1); });
  }
  nlohmann::json costs(const Words& more = {}, const std::string& threads = "1") const {
    const Outcome outcome = run_here(Words{"bench", "costs", "--threads", threads, "--json"} + more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    return nlohmann::json::parse(outcome.out);
  }
  sotto::testing::ScratchFolder folder_;
};

TEST_F(BenchCosts, AreMeasuredOnceForEachSettingAndAgainWhenAskedTo) {
  const nlohmann::json first = costs();
  EXPECT_EQ(first.at("measured_now"), true);
  for (const char* figure : {"product", "record_products", "gram", "bytes"}) EXPECT_GE(first.at(figure), 1.0) << figure;
  EXPECT_TRUE(std::filesystem::exists(first.at("file").get<std::string>()));
  const nlohmann::json second = costs();
  EXPECT_EQ(second.at("measured_now"), false);
  EXPECT_EQ(second.at("kernel_costs"), first.at("kernel_costs"));
  EXPECT_EQ(costs({"--refresh"}).at("measured_now"), true);
  EXPECT_EQ(costs({}, "2").at("measured_now"), true);
  EXPECT_EQ(costs().at("measured_now"), false);
}

TEST_F(BenchCosts, AreThoseThatExplainChoosesBy) {
  const Words explain = {"explain", "--model", "mlp", "--input", "4x1x28x28"};
  const Outcome first = run_here(explain + Words{"--json"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const std::string figures = nlohmann::json::parse(first.out).at("kernel_costs");
  EXPECT_NE(content(folder_.path() / "sotto/kernel_costs.json").find("\"gram\""), std::string::npos);
  const Outcome second = run_here(explain + Words{"--strategy"});
  EXPECT_NE(second.out.find("costs: " + figures), std::string::npos) << second.out;
  const Outcome given = run_here(explain + Words{"--strategy", "--kernel-costs", "1e9,2e9,3e9,4e9"});
  EXPECT_NE(given.out.find("costs: 1e+09,2e+09,3e+09,4e+09"), std::string::npos) << given.out;
}

TEST_F(BenchCosts, BadValuesAreRefused) {
  EXPECT_EQ(run_here({"bench", "costs", "--threads", "-1"}).exit_code, 64);
  EXPECT_EQ(run_here({"bench", "costs", "--matmul", "quick"}).exit_code, 64);
  EXPECT_EQ(run_here({"bench", "step", "--model", "mlp", "--kernel-costs", "none"}).exit_code, 64);
  EXPECT_EQ(run_here({"bench", "step", "--model", "mlp", "--memory", "-1"}).exit_code, 64);
}

}  // namespace
}  // namespace sotto::tools::testing

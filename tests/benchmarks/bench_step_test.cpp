#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "../tools/program.h"

namespace sotto::tools::testing {
namespace {

nlohmann::json measured(const Words& more) {
  const Words words = {"bench", "step", "--model", "mlp", "--batch", "4", "--pairs", "7", "--threads", "1", "--json"};
  const Outcome outcome = run(words + more);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return nlohmann::json::parse(outcome.out);
}

TEST(BenchStep, WithoutTheSwitchTheStockPlainStepIsThePlainStep) {
  const nlohmann::json stock = measured({});
  EXPECT_EQ(stock.at("matmul"), "stock");
  EXPECT_EQ(stock.at("seconds_plain_stock"), stock.at("seconds_plain"));
  EXPECT_EQ(stock.at("ratio_time_stock"), stock.at("ratio_time"));
}

TEST(BenchStep, TellsWhatTheLedgerHoldsAPrivateStepUpFor) {
  const nlohmann::json result = measured({}), ledger = result.at("ledger");
  const auto seconds = [&](const char* part) { return ledger.at(part).get<double>(); };
  EXPECT_GT(seconds("seconds_writing"), 0.0);
  EXPECT_GT(seconds("seconds_waiting"), 0.0);
  EXPECT_DOUBLE_EQ(seconds("seconds"), seconds("seconds_writing") + seconds("seconds_waiting"));
  EXPECT_TRUE(ledger.at("in_memory").is_boolean());
  // Charges lie within private steps, so that the mean of these is at least what the share says.
  EXPECT_GT(ledger.at("share"), 0.0);
  EXPECT_LT(ledger.at("share"), 1.0);
}

TEST(BenchStep, WithTheSwitchTheStockPlainStepIsMeasuredOnItsOwn) {
  const nlohmann::json fast = measured({"--matmul", "fast"});
  EXPECT_EQ(fast.at("matmul"), "fast");
  EXPECT_GT(fast.at("seconds_plain_stock"), 0.0);
  EXPECT_NE(fast.at("seconds_plain_stock"), fast.at("seconds_plain"));
  EXPECT_DOUBLE_EQ(fast.at("ratio_time_stock"),
                   fast.at("seconds_private").get<double>() / fast.at("seconds_plain_stock").get<double>());
}

TEST(BenchStep, AnErrorComesOnceWithItsOwnExitCode) {
  const Outcome outcome = run({"bench", "step", "--model", "nonsense", "--matmul", "fast"});
  EXPECT_EQ(outcome.exit_code, 64);
  EXPECT_EQ(outcome.err.find("sotto:"), outcome.err.rfind("sotto:")) << outcome.err;
}

}  // namespace
}  // namespace sotto::tools::testing

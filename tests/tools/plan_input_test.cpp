// What `sotto plan` refuses. Runs the real program.

#include <gtest/gtest.h>

#include <string>

#include "plan_program.h"

namespace sotto::tools {
namespace {

using testing::expect_usage_error;
using testing::kData;
using testing::kPlan;
using testing::kSmall;

TEST(PlanInput, SizesAndBudget) {
  expect_usage_error("plan --parameters 10 --epsilon 3", {"[--dataset-size] missing"});
  expect_usage_error("plan --dataset-size 100 --epsilon 3", {"[--parameters] missing", "frozen"});
  expect_usage_error("plan --dataset-size 100 --parameters 10", {"[--epsilon] missing"});
  for (const char* bad : {"0", "-1", "9007199254740993"}) {
    expect_usage_error(std::string("plan --parameters 10 --epsilon 3 --dataset-size ") + bad,
                       {"[--dataset-size]", bad, "1 to 2^53"});
    expect_usage_error(std::string("plan --dataset-size 100 --epsilon 3 --parameters ") + bad,
                       {"[--parameters]", bad, "1 to 2^53"});
  }
  expect_usage_error("plan --dataset-size 1e4 --parameters 10 --epsilon 3", {"[--dataset-size]", "'1e4'", "integer"});
  for (const char* bad : {"0", "-1"}) expect_usage_error(kData + "--epsilon " + bad, {"[--epsilon]", bad, "above 0"});
  for (const char* bad : {"nan", "inf"}) expect_usage_error(kData + "--epsilon " + bad, {"[--epsilon]", bad, "finite"});
  for (const char* bad : {"0", "1", "-1"})
    expect_usage_error(kData + "--epsilon 3 --delta " + bad, {"[--delta]", bad, "above 0 and below 1"});
  expect_usage_error(kData + "--epsilon 3 --delta nan", {"[--delta]", "'nan'"});
}

TEST(PlanInput, BatchesAndLengths) {
  expect_usage_error(kPlan + "--batch 60001", {"[--batch]", "60001", "1 to the dataset size 60000"});
  expect_usage_error(kPlan + "--batch 0", {"[--batch]", "0", "1 to 2^53"});
  expect_usage_error(kPlan + "--batch 64,", {"[--batch]", "''"});
  expect_usage_error(kPlan + "--batch 64;128", {"[--batch]", "'64;128'"});
  expect_usage_error(kPlan + "--epochs 3 --steps 4", {"--epochs and --steps exclude each other"});
  expect_usage_error(kPlan + "--epochs 0", {"[--epochs]", "0"});
  expect_usage_error(kPlan + "--epochs 2.5", {"[--epochs]", "'2.5'", "integer"});
  expect_usage_error(kPlan + "--epochs 1024", {"[--epochs]", "1024", "1023"});
  expect_usage_error(kPlan + "--steps 0", {"[--steps]", "0", "1 to 2^53"});
  std::string many = "1";
  for (int i = 2; i <= 29; ++i) many += "," + std::to_string(i);
  expect_usage_error(kPlan + "--steps " + many, {"[--batch] 9 sizes for 29 lengths are 261 settings", "256"});
}

TEST(PlanInput, ClipNormOptimizerTimesAndPicture) {
  for (const char* bad : {"0", "-1"}) {
    expect_usage_error(kSmall + "--clip-norm " + bad, {"[--clip-norm]", bad, "above 0"});
    expect_usage_error(kSmall + "--step-batch 8 --step-seconds " + bad, {"[--step-seconds]", bad, "above 0"});
    expect_usage_error(kSmall + "--step-batch 8 --step-seconds 1 --time-limit " + bad, {"[--time-limit]", bad});
    expect_usage_error(kSmall + "--step-seconds 1 --step-batch " + bad, {"[--step-batch]", bad, "1 to 2^53"});
  }
  expect_usage_error(kSmall + "--clip-norm nan", {"[--clip-norm]", "'nan'"});
  expect_usage_error(kSmall + "--optimizer lion", {"[--optimizer]", "'lion'", "sgd, adam, adamw"});
  expect_usage_error(kSmall + "--step-seconds 1", {"[--step-batch] missing"});
  expect_usage_error(kSmall + "--step-batch 8", {"[--step-seconds] missing"});
  expect_usage_error(kSmall + "--time-limit 8", {"[--time-limit] has no effect"});
  expect_usage_error(kSmall + "--picture plan.png", {"[--picture]", "plan.png", ".svg"});
  expect_usage_error(kSmall + "--picture=", {"--picture"});
  expect_usage_error(kSmall + "--noise-multiplier 1", {"--noise-multiplier"});
}

TEST(PlanInput, ABudgetThatNoNoiseMeetsNamesTheSetting) {
  expect_usage_error("plan --dataset-size 10 --parameters 10 --epsilon 1e-12 --delta 1e-300 --batch 5 --steps 1",
                     {"[plan] batch 5, 1 steps: ", "infeasible budget: epsilon 1e-12"});
}

}  // namespace
}  // namespace sotto::tools

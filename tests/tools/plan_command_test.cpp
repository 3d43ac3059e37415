// Runs the real program. Expected values come from `sotto account`, closed forms and the formulas of plan_signal.h
// written out.

#include <gtest/gtest.h>
#include <sotto/tools/plan_question.h>
#include <sotto/tools/train_options.h>
#include <sotto/tools/training_plan.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "plan_program.h"

namespace sotto::tools {
namespace {

using testing::exact;
using testing::expect_usage_error;
using testing::kData;
using testing::kPlan;
using testing::kSmall;
using testing::number;
using testing::Outcome;
using testing::run_json;
using testing::run_line;

// P[N(mu, 1) > x] - e^epsilon P[N(0, 1) > x] where the likelihood ratio is e^epsilon: delta of a Gaussian release.
double gaussian_delta(double mu, double epsilon) {
  const boost::math::normal normal;
  return cdf(normal, mu / 2 - epsilon / mu) - std::exp(epsilon) * cdf(normal, -mu / 2 - epsilon / mu);
}

TEST(PlanCommand, NoiseIsWhatSottoAccountCalibratesAndEpsilonWhatItReports) {
  const auto plan = run_json(kSmall);
  ASSERT_EQ(plan.at("rows").size(), 4u);
  for (const auto& row : plan.at("rows")) {
    const std::string run = "--dataset-size 60000 --delta 1e-5 --batch " + row.at("batch").dump() + " --steps " +
                            row.at("steps").dump() + " ";
    EXPECT_EQ(row.at("noise_multiplier"), run_json("account noise --epsilon 3 " + run).at("noise_multiplier"));
    const auto typed =
        run_json("account epsilon --noise-multiplier " + exact(number(row, "noise_multiplier")) + " " + run);
    EXPECT_EQ(row.at("epsilon"), typed.at("epsilon_upper"));
    EXPECT_LE(number(row, "epsilon"), 3);
    EXPECT_EQ(row.at("sampling_rate"), typed.at("sampling_rate"));
  }
}

TEST(PlanCommand, TheSuggestedOptionsGiveSottoTrainTheSameNoiseAndEpsilon) {
  const auto suggested = run_json(kSmall).at("suggested");
  std::istringstream words(suggested.at("train_options").get<std::string>());
  KeyTexts keys = {{"train-images", "images"}, {"train-labels", "labels"}};
  for (std::string flag, value; words >> flag >> value;) keys[flag.substr(2)] = value;
  EXPECT_EQ(keys.size(), 8u);
  const TrainingPlan plan = make_training_plan(train_options(keys));
  EXPECT_EQ(plan.steps, suggested.at("steps"));
  EXPECT_EQ(plan.privacy->noise_multiplier(), number(suggested, "noise_multiplier"));
  EXPECT_EQ(plan.privacy->epsilon(), number(suggested, "epsilon"));
  EXPECT_EQ(plan.privacy->delta(), 1e-5);
}

TEST(PlanCommand, BatchesOfAllRecordsAreTheAnalyticGaussian) {
  const auto plan =
      run_json("plan --dataset-size 8471 --parameters 5378 --epsilon 8 --delta 1e-5 --batch 8471 --steps 1,60,1000");
  ASSERT_EQ(plan.at("rows").size(), 3u);
  for (const auto& row : plan.at("rows")) {
    const double mu = std::sqrt(number(row, "steps")) / number(row, "noise_multiplier");
    EXPECT_LE(gaussian_delta(mu, 8), 1e-5);
    EXPECT_GT(gaussian_delta(mu * (1 + 1e-6), 8), 1e-5);
    EXPECT_NEAR(number(row, "run_signal_to_noise"), 8471 * mu / std::sqrt(5378), 1e-9);
    EXPECT_NEAR(number(row, "run_signal_to_noise") / number(plan, "full_batch_signal_to_noise"), 1, 1e-6);
  }
}

TEST(PlanCommand, SignalAndNoiseAreTheFormulasOfTheHeader) {
  for (const auto& row : run_json(kSmall + "--clip-norm 0.25").at("rows")) {
    const double noise = number(row, "noise_multiplier"), batch = number(row, "batch"), steps = number(row, "steps");
    EXPECT_NEAR(number(row, "coordinate_noise"), noise * 0.25 / batch, 1e-15);
    EXPECT_NEAR(number(row, "noise_norm"), noise * 0.25 / batch * std::sqrt(26010), 1e-13);
    EXPECT_NEAR(number(row, "step_signal_to_noise"), 0.25 / number(row, "noise_norm"), 1e-12);
    EXPECT_NEAR(number(row, "run_signal_to_noise"), std::sqrt(steps) * 0.25 / number(row, "noise_norm"), 1e-10);
    EXPECT_NEAR(number(row, "epochs"), steps * batch / 60000, 1e-12);
  }
}

TEST(PlanCommand, NoiseGrowsWithBatchesAndStepsAndFallsWithTheBudget) {
  const std::string grid = kData + "--delta 1e-5 --batch 2048,8192,60000 --steps 100,200,400 --epsilon ";
  std::map<double, nlohmann::json> plans;
  for (const double epsilon : {1.0, 3.0, 8.0}) plans[epsilon] = run_json(grid + exact(epsilon)).at("rows");
  for (const auto& [epsilon, rows] : plans) {
    ASSERT_EQ(rows.size(), 9u);
    for (size_t i = 0; i < 9; ++i) {
      const double noise = number(rows[i], "noise_multiplier");
      if (i % 3 > 0) {
        EXPECT_GT(noise, number(rows[i - 1], "noise_multiplier"));
        EXPECT_GT(number(rows[i], "run_signal_to_noise"), number(rows[i - 1], "run_signal_to_noise") * (1 - 1e-6));
      }
      if (i >= 3) {
        EXPECT_GT(noise, number(rows[i - 3], "noise_multiplier"));
        EXPECT_GT(number(rows[i], "run_signal_to_noise"), number(rows[i - 3], "run_signal_to_noise"));
      }
      if (epsilon > 1) {
        EXPECT_LT(noise, number(plans[1][i], "noise_multiplier"));
      }
    }
  }
}

TEST(PlanCommand, EpochsAreResolvedAsSottoTrainResolvesThem) {
  const auto rows = run_json(kPlan + "--batch 2048 --epochs 40,3").at("rows");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("steps"), 88);    // 87.9
  EXPECT_EQ(rows[1].at("steps"), 1172);  // 1171.9, the run of README.md with noise multiplier 1.80831
  EXPECT_NEAR(number(rows[1], "noise_multiplier"), 1.80831, 1e-5);
}

TEST(PlanCommand, TheSmallestBatchAndThenTheFewestStepsNearTheLeastNoiseAreSuggested) {
  for (const char* const limit : {"", "--step-seconds 0.1 --step-batch 1000 --time-limit 250"}) {
    const auto plan = run_json(kPlan + "--batch 1024,2048,4096,16384 --epochs 10,40 " + limit);
    double least = std::numeric_limits<double>::infinity();
    const auto noise = [](const nlohmann::json& row) {
      return number(row, "coordinate_noise") / std::sqrt(number(row, "steps"));
    };
    const auto allowed = [&](const nlohmann::json& row) {
      return *limit == '\0' || number(row, "steps") * number(row, "batch") * 0.1 / 1000 <= 250;
    };
    for (const auto& row : plan.at("rows"))
      if (allowed(row)) least = std::min(least, noise(row));
    nlohmann::json best;
    for (const auto& row : plan.at("rows")) {
      if (!allowed(row) || noise(row) > 1.1 * least) continue;
      if (best.is_null() || std::pair(row.at("batch"), row.at("steps")) < std::pair(best.at("batch"), best.at("steps")))
        best = row;
    }
    EXPECT_EQ(plan.at("suggested").at("batch"), best.at("batch"));
    EXPECT_EQ(plan.at("suggested").at("steps"), best.at("steps"));
    EXPECT_LT(number(plan.at("suggested"), "batch"), 16384) << "the rule would say nothing";
  }
}

TEST(PlanCommand, NothingIsSuggestedWhenAllTakesTooLong) {
  const std::string line = kSmall + "--step-seconds 1 --step-batch 1 --time-limit 5";
  EXPECT_TRUE(run_json(line).at("suggested").is_null());
  const Outcome outcome = run_line(line);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.out.find("nothing: every row takes longer than --time-limit"), std::string::npos);
}

TEST(PlanCommand, TimeGrowsWithBatchAndStepsAndIsLeftOutWhenNothingWasMeasured) {
  for (const auto& row : run_json(kSmall + "--step-seconds 0.024 --step-batch 512").at("rows"))
    EXPECT_NEAR(number(row, "seconds"), number(row, "steps") * 0.024 * number(row, "batch") / 512, 1e-9);
  for (const auto& row : run_json(kSmall).at("rows")) EXPECT_FALSE(row.contains("seconds"));
  EXPECT_EQ(run_line(kSmall).out.find(" time "), std::string::npos);
  const Outcome timed = run_line(kSmall + "--step-seconds 0.024 --step-batch 512");
  EXPECT_NE(timed.out.find("9.6 s"), std::string::npos) << timed.out;  // 100 steps of 2048
  EXPECT_NE(timed.out.find("taken to grow with the batch"), std::string::npos);
}

TEST(PlanCommand, MemoryIsWeightsSumAndTheOptimizersState) {
  const std::string line = kPlan + "--batch 2048 --steps 10 ";
  EXPECT_EQ(run_json(line).at("memory_bytes"), 26010.0 * 4 * 3);
  EXPECT_EQ(run_json(line + "--optimizer sgd").at("memory_bytes"), 26010.0 * 4 * 3);
  for (const char* name : {"adam", "adamw"})
    EXPECT_EQ(run_json(line + "--optimizer " + name).at("memory_bytes"), 26010.0 * 4 * 4);
  const std::string text = run_line(line).out;
  EXPECT_NE(text.find("305 KiB"), std::string::npos) << text;
  EXPECT_NE(text.find("without activations"), std::string::npos);
}

TEST(PlanCommand, HopelessSettingsAreNotedWithWhatToDo) {
  const auto plan = run_json(
      "plan --dataset-size 1000 --parameters 1000000000 --epsilon 1 --delta 1e-6 --batch 2,500 "
      "--steps 1000,1000000");
  EXPECT_EQ(plan.at("rows")[0].at("notes"), (std::vector<std::string>{"empty", "hopeless"}));
  EXPECT_EQ(plan.at("rows")[3].at("notes"), (std::vector<std::string>{"epochs", "hopeless"}));
  EXPECT_EQ(plan.at("notes").size(), 3u);
  const auto low = run_json(kData + "--epsilon 8 --delta 1e-5 --batch 64 --steps 20");
  EXPECT_EQ(low.at("rows")[0].at("notes")[0], "noise");
  EXPECT_LT(number(low.at("rows")[0], "noise_multiplier"), 0.5);
}

TEST(PlanCommand, DoubtfulBudgetsAreWarnedOf) {
  const Outcome outcome = run_line(kData + "--epsilon 12 --delta 0.001 --batch 2048 --steps 10");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.err.find("sotto: warning: delta 0.001 is not below 1 / dataset_size"), std::string::npos);
  EXPECT_NE(outcome.err.find("sotto: warning: epsilon 12 is above 10"), std::string::npos);
  EXPECT_EQ(run_json(kData + "--epsilon 12 --delta 0.001 --batch 2048 --steps 10").at("warnings").size(), 2u);
}

TEST(PlanCommand, DeltaIsThatOfSottoTrainWhereNoneIsGiven) {
  EXPECT_EQ(run_json(kData + "--epsilon 3 --batch 2048 --steps 10").at("delta"), 1e-5);
  expect_usage_error("plan --dataset-size 100000 --parameters 10 --epsilon 3",
                     {"[--delta] missing", "1e-05 is not below", "100000"});
}

TEST(PlanCommand, BatchesAreALadderOfPowersOfTwoWhereNoneAreGiven) {
  using Ladder = std::vector<int64_t>;
  EXPECT_EQ(batch_ladder(1), (Ladder{1}));
  EXPECT_EQ(batch_ladder(6), (Ladder{1, 2, 4, 6}));
  EXPECT_EQ(batch_ladder(256), (Ladder{1, 2, 4, 8, 16, 32, 64, 128, 256}));
  EXPECT_EQ(batch_ladder(60000), (Ladder{256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 60000}));
  EXPECT_EQ(batch_ladder(1'000'000'000), (Ladder{512, 1024, 2048, 4096, 8192, 16384, 32768, 65536}));
  const auto plan = run_json("plan --dataset-size 6 --parameters 10 --epsilon 3");
  EXPECT_EQ(plan.at("rows").size(), 4u * 4u);
}

TEST(PlanCommand, RepeatedValuesCountOnceAndAreSorted) {
  const auto rows = run_json(kPlan + "--batch 2048,64,2048 --steps 9,3,9").at("rows");
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].at("batch"), 64);
  EXPECT_EQ(rows[0].at("steps"), 3);
  EXPECT_EQ(rows[3].at("batch"), 2048);
  EXPECT_EQ(rows[3].at("steps"), 9);
}

}  // namespace
}  // namespace sotto::tools

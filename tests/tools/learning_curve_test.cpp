#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/learning_curve.h>

#include <string>

#include "../support/scratch_folder.h"

namespace sotto::tools {
namespace {

class LearningCurveTest : public ::testing::Test {
 protected:
  std::vector<LearningPoint> read(const std::string& text) const {
    return read_learning_curve(folder_.write("metrics.jsonl", {text.begin(), text.end()}));
  }
  void refuses(const std::string& text, const std::string& words) const {
    try {
      read(text);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(words)) << text;
    }
  }

  sotto::testing::ScratchFolder folder_;
};

TEST_F(LearningCurveTest, HoldsWhatTheLinesSay) {
  const std::vector<LearningPoint> points = read(
      "{\"step\":10,\"epsilon_spent\":0.5,\"accuracy\":0.75,\"f1\":0.5}\n"
      "{\"step\":20,\"epsilon_spent\":1,\"accuracy\":null,\"root_mean_square_error\":2e-1}\n"
      "{\"step\":30,\"epsilon_spent\":null,\"accuracy\":null,\"not_private\":\"why\"}\n");
  EXPECT_EQ(points, (std::vector<LearningPoint>{
                        {10, 0.5, {{"accuracy", 0.75}, {"f1", 0.5}}, {}},
                        {20, 1.0, {{"root_mean_square_error", 0.2}}, {}},
                        {30, {}, {}, "why"},
                    }));
}

TEST_F(LearningCurveTest, LaterLinesCountWhereARunWentBack) {
  const std::vector<LearningPoint> points = read(
      "{\"step\":10,\"accuracy\":0.1}\n{\"step\":20,\"accuracy\":0.2}\n{\"step\":30,\"accuracy\":0.3}\n"
      "{\"step\":20,\"accuracy\":0.4}\n{\"step\":30,\"accuracy\":0.5}\n{\"step\":30,\"accuracy\":0.6}\n");
  EXPECT_EQ(points, (std::vector<LearningPoint>{{10, {}, {{"accuracy", 0.1}}, {}},
                                                {20, {}, {{"accuracy", 0.4}}, {}},
                                                {30, {}, {{"accuracy", 0.6}}, {}}}));
}

// It is released with the gradients, and is no figure of the tests.
TEST_F(LearningCurveTest, ClipNormIsNoMetric) {
  const std::vector<LearningPoint> points = read("{\"step\":1,\"clip_norm\":0.25,\"accuracy\":0.5}\n");
  ASSERT_EQ(points.size(), 1u);
  EXPECT_EQ(points[0].clip_norm, 0.25);
  EXPECT_EQ(points[0].metrics, (std::vector<Metric>{{"accuracy", 0.5}}));
  for (const char* bad : {"0", "-1", "null", "\"x\""})
    refuses("{\"step\":1,\"clip_norm\":" + std::string(bad) + "}\n", "'clip_norm'");
}

TEST_F(LearningCurveTest, OfNoEvaluationIsEmpty) {
  EXPECT_TRUE(read("").empty());
}

TEST_F(LearningCurveTest, RefusalsNameFileAndLine) {
  refuses("{\"step\":1}\n{\"accuracy\":1}\n", "metrics.jsonl:2");
  refuses("{\"step\":1.5}\n", "metrics.jsonl:1");
  refuses("{\"step\":-1}\n", "'step'");
  refuses("{\"step\":1,\"accuracy\":\"high\"}\n", "'accuracy'");
  refuses("{\"step\":1,\"epsilon_spent\":-0.5}\n", "'epsilon_spent'");
  refuses("{\"step\":1,\"accuracy\":1e999}\n", "metrics.jsonl:1");
  refuses("{\"step\":1,\"step\":2}\n", "metrics.jsonl:1");
  refuses("{\"step\":1,\"not_private\":3}\n", "'not_private'");
  refuses("{\"step\":1}\n{\"step\":2", "metrics.jsonl:2: the last line is cut");
  refuses("[]\n", "metrics.jsonl:1");
  refuses("\n", "metrics.jsonl:1");
  EXPECT_THROW(read_learning_curve(folder_.path() / "none"), DataError);
}

}  // namespace
}  // namespace sotto::tools

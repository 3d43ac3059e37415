#include <gtest/gtest.h>
#include <sotto/models/record_losses.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

namespace sotto::models {
namespace {

TEST(RecordLosses, OfARegressionAreSquaredErrors) {
  const at::Tensor scores = torch::tensor({{0.5}, {-1.0}, {2.0}}), labels = torch::tensor({0.0, -1.0, -1.0});
  EXPECT_TRUE(record_losses(scores, labels).allclose(torch::tensor({0.25, 0.0, 9.0})));
}

TEST(RecordLosses, OfPartsLeaveOutThoseWithoutLabel) {
  torch::manual_seed(1);
  const at::Tensor scores = torch::randn({3, 2, 4});
  const at::Tensor losses = record_losses(scores, torch::tensor({{1L, 3L}, {2L, kNoPart}, {kNoPart, kNoPart}}));
  const at::Tensor logs = torch::log_softmax(scores, -1);
  EXPECT_NEAR(losses[0].item<double>(), -(logs[0][0][1] + logs[0][1][3]).item<double>() / 2, 1e-6);
  EXPECT_NEAR(losses[1].item<double>(), -logs[1][0][2].item<double>(), 1e-6);
  EXPECT_EQ(losses[2].item<double>(), 0.0);
}

TEST(RecordLosses, OfNumbersInPartsLeaveOutThoseWithoutLabel) {
  const at::Tensor scores = torch::tensor({{{0.5}, {1.0}}, {{-1.0}, {7.0}}});
  const at::Tensor labels = torch::tensor({{0.0, 0.0}, {1.0, static_cast<double>(kNoPart)}});
  EXPECT_TRUE(record_losses(scores, labels).allclose(torch::tensor({0.625, 4.0})));
}

TEST(RecordLosses, RefuseARegressionWithSeveralScores) {
  EXPECT_THROW(record_losses(torch::zeros({3, 2}), torch::zeros({3})), UsageError);
}

TEST(CountHits, CountsEveryClassByLabelAndByScore) {
  const at::Tensor scores = torch::tensor({{0.0, 1.0, 0.5}, {0.0, 1.0, 2.0}, {1.0, 0.0, 0.5}, {1.0, 0.0, 0.9}});
  Hits hits = count_hits(scores, torch::tensor({1L, 1L, 0L, 2L}));
  EXPECT_EQ(hits.labels, 4);
  EXPECT_EQ(hits.correct, 2);
  ASSERT_EQ(hits.classes.size(), 3U);
  const auto expect = [&hits](size_t c, int64_t labels, int64_t found, int64_t both) {
    EXPECT_EQ(hits.classes[c].labels, labels) << c;
    EXPECT_EQ(hits.classes[c].found, found) << c;
    EXPECT_EQ(hits.classes[c].both, both) << c;
  };
  expect(0, 1, 2, 1);
  expect(1, 2, 1, 1);
  expect(2, 1, 1, 0);
  hits += count_hits(scores.narrow(0, 0, 1), torch::tensor({1L}));
  EXPECT_EQ(hits.labels, 5);
  EXPECT_EQ(hits.correct, 3);
  expect(1, 3, 2, 2);
}

TEST(CountHits, RefusesLabelsThatAreNoClass) {
  for (const at::Tensor& labels : {torch::tensor({2L}), torch::tensor({-1L}), torch::tensor({1.0})})
    EXPECT_THROW(count_hits(torch::zeros({1, 2}), labels), UsageError);
}

}  // namespace
}  // namespace sotto::models

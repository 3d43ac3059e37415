// What the rules for parameters and layers refuse, each with its own reason.

#include <gtest/gtest.h>

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

Tensor sums(const Tensor& x) {
  return x.flatten(1).pow(2).sum(1);
}

// A parameter with a row for every place in the batch: the record that moves up gets another gradient.
TEST(RulesRefuse, AParameterWithOneEntryPerPlace) {
  const std::initializer_list<const char*> reason = {"weight0", "one entry per place"};
  const Tensor rows = torch::zeros({kRecords, 5});
  const Tensor matrices = torch::zeros({kRecords, 5, 2});
  EXPECT_TRUE(says(refusal(loose({rows}, {records()}, [](auto& p, auto& x) { return sums(x[0] * p[0]); })), reason));
  EXPECT_TRUE(says(refusal(loose({rows}, {records()}, [](auto& p, auto& x) { return sums(x[0] + p[0]); })), reason));
  EXPECT_TRUE(says(refusal(loose({rows}, {records()},
                                 [](auto& p, auto& x) {
                                   return sums(torch::cat({p[0], x[0]}, 1));
                                 })),
                   reason));
  EXPECT_TRUE(says(refusal(loose({rows}, {records()},
                                 [](auto& p, auto& x) {
                                   return sums(torch::stack({p[0], x[0]}, 1));
                                 })),
                   reason));
  EXPECT_TRUE(says(
      refusal(loose({rows}, {records()}, [](auto& p, auto& x) { return sums(torch::where(x[0] > 0, x[0], p[0])); })),
      reason));
  EXPECT_TRUE(says(refusal(loose({matrices}, {records({kRecords, 3, 5})},
                                 [](auto& p, auto& x) { return sums(torch::bmm(x[0], p[0])); })),
                   reason));
  // The same values in every row make no difference: the gradients differ.
  EXPECT_TRUE(says(refusal(loose({torch::ones({2, 5})}, {torch::randn({2, 5})},
                                 [](auto& p, auto& x) {
                                   return sums(x[0] * torch::cat({p[0].slice(0, 0, 1), p[0].slice(0, 1, 2)}));
                                 })),
                   reason));
}

// Its gradient takes a conjugate, which no rule does.
TEST(RulesRefuse, AParameterThatMeetsComplexNumbers) {
  const auto turned = [](auto& p, auto& x) {
    return sums(torch::view_as_real(torch::view_as_complex(x[0]) * torch::view_as_complex(p[0])));
  };
  EXPECT_TRUE(says(refusal(loose({torch::ones({3, 2})}, {records({kRecords, 3, 2})}, turned)),
                   {"weight0", "aten::mul", "no per-record gradient rule"}));
  const auto scaled = [](auto& p, auto& x) { return sums(torch::view_as_real(torch::view_as_complex(x[0]) * p[0])); };
  EXPECT_TRUE(says(refusal(loose({torch::ones({3})}, {records({kRecords, 3, 2})}, scaled)),
                   {"weight0", "aten::mul", "no per-record gradient rule"}));
}

TEST(RulesRefuse, NotAParameterRepeatedForEveryPlace) {
  EXPECT_EQ(refusal(loose({torch::zeros({5})}, {records()},
                          [](auto& p, auto& x) { return sums(x[0] * p[0].expand_as(x[0]).contiguous()); })),
            "");
}

TEST(RulesRefuse, ParametersThatOverwriteTheirActivation) {
  EXPECT_TRUE(says(refusal(loose({weight(), weight({3})}, {records()},
                                 [](auto& p, auto& x) {
                                   Tensor y = torch::linear(x[0], p[0]);
                                   return sums(y.mul_(p[1]));
                                 })),
                   {"weight1", "aten::mul", "out-of-place"}));
}

TEST(RulesRefuse, DropoutInsideAttentionOverLearnedQueries) {
  EXPECT_TRUE(says(refusal(loose({torch::randn({1, 3, 5})}, {records({kRecords, 2, 5})},
                                 [](auto& p, auto& x) {
                                   const Tensor query = p[0].expand({x[0].size(0), 3, 5});
                                   return sums(torch::scaled_dot_product_attention(query, x[0], x[0], {}, 0.5));
                                 })),
                   {"weight0", "dropout"}));
}

TEST(RulesRefuse, BagsOfDifferentLengths) {
  const Tensor tokens = torch::randint(0, 6, {kRecords, 3});
  const auto bags = [&](const Tensor& offsets) {
    return refusal(loose(
        {torch::randn({6, 5})}, {tokens},
        [offsets](auto& p, auto& x) { return sums(std::get<0>(torch::embedding_bag(p[0], x[0].flatten(), offsets))); },
        {offsets}));
  };
  EXPECT_EQ(bags(torch::tensor({0, 3, 6, 9})), "");
  EXPECT_TRUE(
      says(bags(torch::tensor({0, 2, 6, 9})), {"aten::embedding_bag", "bags of different lengths", "padding_idx"}));
}

TEST(RulesRefuse, InstanceNormWithRunningStatistics) {
  nn::InstanceNorm1d with{nn::InstanceNorm1dOptions(3).affine(true).track_running_stats(true)};
  EXPECT_TRUE(says(refusal(module_model(with, {records({kRecords, 3, 4})})),
                   {"aten::instance_norm", "running statistics", "track_running_stats"}));
  nn::InstanceNorm1d without{nn::InstanceNorm1dOptions(3).affine(true)};
  EXPECT_EQ(refusal(module_model(without, {records({kRecords, 3, 4})})), "");
}

TEST(RulesRefuse, LookUpsAcrossRecords) {
  const auto of = [](std::function<Tensor(const Tensor&)> mixing) {
    return refusal(
        loose({weight()}, {records()}, [mixing](auto& p, auto& x) { return sums(mixing(torch::linear(x[0], p[0]))); }));
  };
  const Tensor order = torch::tensor({1, 0, 2, 3});
  EXPECT_TRUE(says(of([=](const Tensor& y) { return y.index({order}); }), {"aten::index"}));
  EXPECT_TRUE(says(of([=](const Tensor& y) { return y.index_select(0, order); }), {"aten::index_select"}));
  EXPECT_TRUE(says(of([](const Tensor& y) { return y.flip({0}); }), {"aten::flip"}));
  EXPECT_TRUE(says(of([](const Tensor& y) { return y.roll({1}, {0}); }), {"aten::roll"}));
  EXPECT_TRUE(says(of([](const Tensor& y) { return y.roll({1}); }), {"aten::roll"}));
  EXPECT_TRUE(says(of([](const Tensor& y) { return std::get<0>(y.sort(0)); }), {"aten::sort"}));
  EXPECT_TRUE(says(of([](const Tensor& y) { return std::get<0>(y.topk(4, 0)); }), {"aten::topk"}));
  EXPECT_TRUE(says(of([](const Tensor& y) { return y.repeat({2, 1}).slice(0, 0, kRecords); }), {"aten::repeat"}));
}

// Whether query and key are equal is asked over the whole batch; one record must not be able to change the answer.
TEST(RulesRefuse, ComparisonsThatOneRecordDecides) {
  const Tensor key = torch::randn({kRecords, 5});
  Tensor query = torch::randn({kRecords, 5});
  const auto asks = [](auto& p, auto& x) {
    (void)torch::equal(x[0], x[1]);
    return sums(torch::linear(x[0], p[0]));
  };
  EXPECT_EQ(refusal(loose({weight()}, {query, key}, asks)), "");
  EXPECT_EQ(refusal(loose({weight()}, {query, key.slice(1, 1)}, asks)), "");
  query[2].copy_(key[2]);
  EXPECT_TRUE(says(refusal(loose({weight()}, {query, key}, asks)), {"aten::equal", "whole batch"}));
}

}  // namespace
}  // namespace sotto::optim::testing

// Everything that is wrong with a module, at once; and the replacement of batch norm.

#include <sotto/optim/model_check.h>

#include "recorder_models.h"

namespace sotto::optim::testing {
namespace {

const Finding* find(const std::vector<Finding>& found, const std::string& module) {
  for (const Finding& each : found) {
    if (each.module == module) return &each;
  }
  return nullptr;
}

struct HoldsBatchNorm : nn::Module {
  HoldsBatchNorm() { norm = register_module("norm", nn::BatchNorm1d(8)); }
  Tensor forward(const Tensor& x) { return norm->forward(x); }
  nn::BatchNorm1d norm{nullptr};
};

TEST(ModelCheck, ListsEveryProblemAtOnce) {
  nn::Sequential net(nn::Conv2d(nn::Conv2dOptions(3, 8, 3)), nn::BatchNorm2d(8),
                     nn::InstanceNorm2d(nn::InstanceNorm2dOptions(8).track_running_stats(true)),
                     nn::BatchNorm2d(nn::BatchNorm2dOptions(8).track_running_stats(false)));
  net->push_back(nn::Embedding(nn::EmbeddingOptions(5, 5).scale_grad_by_freq(true).max_norm(1.0)));
  net[0]->named_parameters()["bias"].requires_grad_(false);
  const auto found = validate(*net);
  ASSERT_NE(find(found, "1"), nullptr);
  EXPECT_TRUE(find(found, "1")->refused);
  EXPECT_TRUE(says(find(found, "1")->remedy, {"GroupNorm(2, 8)", "eval()"}));
  ASSERT_NE(find(found, "2"), nullptr);
  EXPECT_TRUE(says(find(found, "2")->what, {"running statistics"}));
  ASSERT_NE(find(found, "3"), nullptr);
  EXPECT_TRUE(find(found, "3")->refused);
  EXPECT_EQ(find(found, "3")->remedy.find("eval()"), std::string::npos);  // it has no statistics to freeze
  ASSERT_NE(find(found, "4"), nullptr);
  EXPECT_TRUE(says(find(found, "4")->what, {"whole batch"}));
  ASSERT_NE(find(found, "0.bias"), nullptr);
  EXPECT_FALSE(find(found, "0.bias")->refused);
  EXPECT_TRUE(says(find(found, "0.bias")->what, {"frozen"}));
}

TEST(ModelCheck, FrozenBatchNormIsToldAndNotRefused) {
  nn::Sequential net(nn::Linear(5, 8), nn::BatchNorm1d(8));
  net->eval();
  for (const Finding& each : validate(*net)) EXPECT_FALSE(each.refused) << each.what;
  EXPECT_TRUE(says(find(validate(*net), "1")->what, {"frozen batch norm"}));
}

TEST(ModelCheck, TellsOfParametersThatCannotBeTrained) {
  nn::Linear complex(5, 3);
  complex->to(torch::kComplexFloat);
  EXPECT_TRUE(says(find(validate(*complex), "weight")->what, {"ComplexFloat"}));
  nn::Linear half(5, 3);
  half->to(torch::kHalf);
  EXPECT_EQ(find(validate(*half), "weight"), nullptr);
  nn::Linear frozen(5, 3);
  for (Tensor& parameter : frozen->parameters()) parameter.requires_grad_(false);
  EXPECT_TRUE(says(find(validate(*frozen), "")->what, {"no trainable parameter"}));
}

TEST(ModelCheck, TellsOfBuffers) {
  nn::Linear net(5, 3);
  net->register_buffer("table", torch::zeros({2, 3}));
  const auto found = validate(*net);
  ASSERT_NE(find(found, "table"), nullptr);
  EXPECT_TRUE(says(find(found, "table")->what, {"[2, 3]", "constant"}));
  EXPECT_FALSE(find(found, "table")->refused);
}

TEST(ModelCheck, AddsWhatOnlyARunShows) {
  nn::Linear net(5, 3);
  const auto found = validate(*net, {{.sizes = {5}}}, [&](const Tensors& x) {
    const Tensor y = net->forward(x[0]);
    return per_record(y - y.mean(0));
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].refused);
  EXPECT_TRUE(says(found[0].what, {"aten::mean"}));
}

// What a run refuses first does not hide what it would refuse next.
TEST(ModelCheck, ARunShowsEveryOperatorThatMixesRecords) {
  nn::Sequential net(nn::Linear(5, 8), nn::BatchNorm1d(8), nn::Linear(8, 4), nn::BatchNorm1d(4));
  std::vector<std::string> run;
  for (const Finding& each : validate(*net, {{.sizes = {5}}}, [&](const Tensors& x) {
         const Tensor y = net->forward(x[0]);
         const Tensor shares = y.softmax(0);
         const Tensor centred = shares - y.mean(0);
         return per_record(centred) + std::get<0>(at::_unique(y.round())).sum();
       }))
    if (each.what.starts_with("[Tape]")) run.push_back(each.what);
  ASSERT_EQ(run.size(), 5u);
  EXPECT_TRUE(says(run[0], {"aten::batch_norm", "in module 1", "GroupNorm(2, 8)"}));
  EXPECT_TRUE(says(run[1], {"aten::batch_norm", "in module 3", "GroupNorm(1, 4)"}));
  EXPECT_TRUE(says(run[2], {"aten::softmax", "combines different records", "dimension of the record"}));
  EXPECT_TRUE(says(run[3], {"aten::mean", "combines different records", "public data"}));
  EXPECT_TRUE(says(run[4], {"aten::_unique", "no rule", "fallback per-record"}));
}

TEST(ModelCheck, FindsNothingInASoundModel) {
  nn::Sequential net(nn::Linear(5, 8), nn::Tanh(), nn::Linear(8, 3));
  EXPECT_TRUE(
      validate(*net, {{.sizes = {5}}}, [&](const Tensors& x) { return per_record(net->forward(x[0])); }).empty());
}

struct HoldsSequential : nn::Module {
  HoldsSequential() {
    body = register_module("body", nn::Sequential(nn::Conv2d(nn::Conv2dOptions(3, 12, 3)), nn::BatchNorm2d(12)));
  }
  Tensor forward(const Tensor& x) { return body->forward(x); }
  nn::Sequential body{nullptr};
};

TEST(ReplaceBatchNorm, MakesGroupNormsThatRunAndKeepsWeights) {
  const auto net = std::make_shared<HoldsSequential>();
  const Tensor x = records({kRecords, 3, 6, 6});
  EXPECT_TRUE(says(refusal(module_model(net, {x})), {"batch norm in training mode"}));
  {
    const torch::NoGradGuard no_grad;
    net->named_parameters()["body.1.weight"].fill_(3.0);
  }
  const auto done = replace_batch_norm(*net);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_TRUE(done[0].done);
  EXPECT_EQ(done[0].module, "body.1");
  EXPECT_EQ(done[0].groups, 3);
  EXPECT_TRUE(says(done[0].message, {"GroupNorm(3, 12)", "4 channels per group"}));
  EXPECT_TRUE(net->buffers().empty());
  const auto p = net->named_parameters();
  EXPECT_TRUE(p["body.1.weight"].equal(torch::full({12}, 3.0)));
  const Tensor convolved = torch::conv2d(x, p["body.0.weight"], p["body.0.bias"]);
  EXPECT_TRUE(net->forward(x).allclose(torch::group_norm(convolved, 3, p["body.1.weight"], p["body.1.bias"])));
  EXPECT_EQ(refusal(module_model(net, {x})), "");
}

TEST(ReplaceBatchNorm, SaysWhatItCannotReach) {
  nn::Sequential net(nn::Linear(5, 8), HoldsBatchNorm());
  const auto done = replace_batch_norm(*net);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_FALSE(done[0].done);
  EXPECT_TRUE(says(done[0].message, {"1.norm", "GroupNorm(2, 8)", "declare"}));
}

TEST(ReplaceBatchNorm, GroupsHaveFourChannelsAtLeast) {
  EXPECT_EQ(group_count(1), 1);
  EXPECT_EQ(group_count(7), 1);
  EXPECT_EQ(group_count(8), 2);
  EXPECT_EQ(group_count(16), 4);
  EXPECT_EQ(group_count(64), 16);
  EXPECT_EQ(group_count(81), 9);
  EXPECT_EQ(group_count(512), 32);
}

}  // namespace
}  // namespace sotto::optim::testing

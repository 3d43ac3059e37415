// Sizes as published, and acceptance by the tape with the gradients of one-record-at-a-time autograd.

#include <gtest/gtest.h>
#include <sotto/models/encoder.h>
#include <sotto/models/lstm.h>
#include <sotto/models/residual.h>
#include <sotto/models/scattering_linear.h>
#include <sotto/models/vision.h>
#include <sotto/models/vit.h>
#include <sotto/privacy/error.h>

#include "../optim/oracle.h"

namespace sotto::models {
namespace {

constexpr ImageShape kCifar = {.height = 32, .width = 32, .classes = 10, .channels = 3};
constexpr ImageShape kFashion = {.height = 28, .width = 28, .classes = 10};

int64_t parameters(const torch::nn::Module& module) {
  int64_t total = 0;
  for (const at::Tensor& parameter : module.parameters()) total += parameter.numel();
  return total;
}

TEST(ReadyModelsTest, HaveThePublishedNumbersOfParameters) {
  EXPECT_EQ(parameters(*make_cnn(kFashion)), 26010);
  EXPECT_EQ(parameters(*make_mlp(kFashion)), 784 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 10 + 10);
  EXPECT_EQ(parameters(*make_resnet20(kCifar)), 269722);
  EXPECT_EQ(parameters(*make_wide_resnet(kCifar)), 2748890);
  EXPECT_EQ(parameters(*make_vit({.height = 224, .width = 224, .classes = 1000, .channels = 3}, {.patch = 16})),
            5717416);
  EXPECT_EQ(parameters(*make_scattering_linear(kFashion)), 81 * 49 * 10 + 10);
  // The embedding and 6 layers of 384, 1536 are those of MiniLM-L6, here without positions, types and pooler.
  EXPECT_EQ(parameters(*Encoder(EncoderOptions{})), 30522 * 384 + 6 * 1774464 + 384 * 2 + 2);
  EXPECT_EQ(parameters(*LstmClassifier(LstmOptions{})), 1081002);
}

TEST(ReadyModelsTest, GiveOneRowOfLogitsPerPicture) {
  for (const std::string_view name : vision_models()) {
    for (const ImageShape& shape : {kCifar, kFashion}) {
      const auto model = make_vision_model(name, shape);
      const at::Tensor pictures = torch::rand({2, shape.channels, shape.height, shape.width}) * 2 - 1;
      EXPECT_EQ(model->forward(model->prepare(pictures)).sizes(), at::IntArrayRef({2, 10})) << name;
    }
  }
}

// Sides that are no power of 2, odd, not equal, or larger than usual; patches must divide the sides.
TEST(ReadyModelsTest, TakeEveryShapeThatTheyCanBeBuiltFor) {
  for (const std::string_view name : vision_models()) {
    for (const auto& [channels, height, width, patched] : {std::tuple{3, 36, 20, true}, std::tuple{1, 37, 27, false}}) {
      const ImageShape shape = {.height = height, .width = width, .classes = 3, .channels = channels};
      if (name == "vit-tiny" && !patched) {
        EXPECT_THROW(make_vision_model(name, shape), UsageError) << height << " x " << width;
        continue;
      }
      const auto model = make_vision_model(name, shape);
      const at::Tensor pictures = torch::rand({2, channels, height, width}) * 2 - 1;
      EXPECT_EQ(model->forward(model->prepare(pictures)).sizes(), at::IntArrayRef({2, 3})) << name << height;
    }
  }
}

TEST(ReadyModelsTest, ShapesThatCannotBeAreRefusedWithTheirReason) {
  const auto refused = [](std::string_view name, int64_t height, int64_t width) -> std::string {
    try {
      make_vision_model(name, {.height = height, .width = width, .classes = 3, .channels = 3});
    } catch (const UsageError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(refused("cnn", 14, 32).find("too small for this network"), std::string::npos);
  EXPECT_NE(refused("vit-tiny", 37, 32).find("the patch must divide both sides"), std::string::npos);
  EXPECT_NE(refused("scattering-linear", 4, 4), "accepted");
  EXPECT_EQ(refused("scattering-linear", 5, 7), "accepted");
  EXPECT_EQ(refused("vit-tiny", 68, 20), "accepted");  // patches of 4, since 16 does not divide
}

TEST(ReadyModelsTest, MlpTakesRowsOfNumbers) {
  const auto model = make_mlp({.height = 1, .width = 6, .classes = 3}, {5});
  const at::Tensor rows = torch::rand({4, 6});
  EXPECT_TRUE(at::equal(model->forward(rows), model->forward(rows.view({4, 1, 1, 6}))));
}

TEST(ReadyModelsTest, EachPictureIsPreparedAlone) {
  for (const std::string_view name : vision_models()) {
    const auto model = make_vision_model(name, kCifar);
    const at::Tensor pictures = torch::rand({3, 3, 32, 32}) * 2 - 1;
    const at::Tensor together = model->prepare(pictures);
    for (int64_t i = 0; i < 3; ++i) {
      const at::Tensor alone = model->prepare(pictures.slice(0, i, i + 1));
      EXPECT_LT((together[i] - alone[0]).abs().max().item<float>(), 1e-4F) << name;
    }
  }
}

TEST(ReadyModelsTest, StandardisedWeightsHaveMeanZeroAndNormOne) {
  const at::Tensor weight = torch::randn({5, 3, 3, 3}, torch::kDouble) * 7 + 2;
  const at::Tensor rows = standardised_weight(weight).flatten(1);
  EXPECT_LT(rows.mean(1).abs().max().item<double>(), 1e-14);
  EXPECT_LT((rows.norm(2, 1) - 1).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(standardised_weight(torch::ones({2, 3, 1, 1})).abs().max().item<double>(), 0);
}

TEST(ReadyModelsTest, BadShapesAreRefused) {
  EXPECT_THROW(make_vit(kFashion, {.patch = 5}), UsageError);
  EXPECT_THROW(make_vit(kFashion, {.heads = 5}), UsageError);
  EXPECT_THROW(make_resnet20({.height = 32, .width = 32, .classes = 10, .channels = 0}), UsageError);
  EXPECT_THROW(make_scattering_linear({.height = 3, .width = 32, .classes = 10}), UsageError);
  EXPECT_THROW(make_vision_model("vgg", kFashion), UsageError);
}

void expect_accepted(torch::nn::Module& module, const at::Tensor& inputs, int64_t classes,
                     const std::function<at::Tensor(const at::Tensor&)>& forward) {
  module.to(torch::kDouble);
  const at::Tensor labels = torch::arange(inputs.size(0)).remainder(classes);
  const optim::testing::Errors errors = optim::testing::compare(
      {optim::testing::named(module), {}, {inputs, labels}, [&](const std::vector<at::Tensor>& batch) {
         return torch::nn::functional::cross_entropy(
             forward(batch[0]), batch[1], torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
       }});
  EXPECT_LT(errors.norm, 1e-9);
  EXPECT_LT(errors.weighted, 1e-9);
  EXPECT_TRUE(errors.bounded);
}

void expect_accepted(VisionModel& model, const ImageShape& shape) {
  const at::Tensor pictures = torch::rand({3, shape.channels, shape.height, shape.width}, torch::kDouble) * 2 - 1;
  expect_accepted(model, model.prepare(pictures), shape.classes, [&](const at::Tensor& x) { return model.forward(x); });
}

constexpr ImageShape kSmallShape = {.height = 16, .width = 16, .classes = 4, .channels = 3};

TEST(ReadyModelsTest, TapeTakesScatteringLinear) {
  expect_accepted(*make_scattering_linear(kSmallShape), kSmallShape);
}
TEST(ReadyModelsTest, TapeTakesResNet20) {
  expect_accepted(*make_resnet20(kSmallShape), kSmallShape);
}
TEST(ReadyModelsTest, TapeTakesWideResNet) {
  expect_accepted(*make_wide_resnet(kSmallShape), kSmallShape);
}
TEST(ReadyModelsTest, TapeTakesVit) {
  expect_accepted(*make_vit(kSmallShape, {.patch = 4, .width = 24, .heads = 3, .layers = 2}), kSmallShape);
}
TEST(ReadyModelsTest, TapeTakesEncoder) {
  Encoder model(EncoderOptions{.vocabulary = 20, .width = 12, .heads = 3, .feed_forward = 24, .layers = 2});
  expect_accepted(*model, torch::randint(20, {3, 6}), 2, [&](const at::Tensor& x) { return model(x); });
}
TEST(ReadyModelsTest, TapeTakesLstm) {
  LstmClassifier model(LstmOptions{.vocabulary = 20, .embedding = 5, .hidden = 6, .layers = 2});
  expect_accepted(*model, torch::randint(20, {3, 6}), 2, [&](const at::Tensor& x) { return model(x); });
}

}  // namespace
}  // namespace sotto::models

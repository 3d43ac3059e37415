// Against LibTorch's batch norm in evaluation mode, against autograd, and against the published network's reference.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/mobilenet.h>
#include <sotto/models/state.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "../optim/oracle.h"
#include "../support/scratch_folder.h"

namespace sotto::models {
namespace {

using ::testing::Each, ::testing::HasSubstr;
using torch::Tensor;
namespace F = torch::nn::functional;

constexpr ImageShape kShape = {.height = 64, .width = 64, .classes = 5, .channels = 3};
constexpr int64_t kLeastSide = 64;

MobileNet drawn(const ImageShape& shape, MobileNetAdaptation adaptation, torch::Dtype dtype = torch::kDouble) {
  torch::manual_seed(11);
  MobileNet network(shape, adaptation, kLeastSide);
  const torch::NoGradGuard no_grad;
  for (const auto& item : network.named_parameters()) {
    if (item.key().starts_with("classifier.") || item.key().ends_with("bias")) item.value().normal_(0.0, 0.1);
  }
  network.to(dtype);
  return network;
}

// Fails where the features say nothing of the pictures, and a test of them would say nothing either.
void expect_to_differ(const Tensor& features) {
  EXPECT_GT(features.std(0).mean().item<double>(), 0.01);
}

Tensor pictures(int64_t count, const ImageShape& shape = kShape) {
  return torch::rand({count, shape.channels, shape.height, shape.width}, torch::kDouble) * 2 - 1;
}

// The network as it was published, batch norms and all, by names alone; whatever it asks for is drawn.
class Published {
 public:
  Tensor features(const Tensor& scaled) {
    Tensor x = normalised("features.0.", "0", "1", scaled, 3, 32, 3, 2, 1, true);
    int64_t channels = 32, place = 1;
    for (const auto& [expansion, outputs, repeats, first] :
         {std::tuple{1, 16, 1, 1}, std::tuple{6, 24, 2, 2}, std::tuple{6, 32, 3, 2}, std::tuple{6, 64, 4, 2},
          std::tuple{6, 96, 3, 1}, std::tuple{6, 160, 3, 2}, std::tuple{6, 320, 1, 1}}) {
      for (int64_t repeat = 0; repeat < repeats; ++repeat, ++place) {
        const std::string at = "features." + std::to_string(place) + ".conv.";
        const int64_t wide = channels * expansion, stride = repeat == 0 ? first : 1;
        Tensor y = x;
        if (expansion == 1) {
          y = normalised(at, "0.0", "0.1", y, wide, wide, 3, stride, wide, true);
          y = normalised(at, "1", "2", y, wide, outputs, 1, 1, 1, false);
        } else {
          y = normalised(at, "0.0", "0.1", y, channels, wide, 1, 1, 1, true);
          y = normalised(at, "1.0", "1.1", y, wide, wide, 3, stride, wide, true);
          y = normalised(at, "2", "3", y, wide, outputs, 1, 1, 1, false);
        }
        x = stride == 1 && channels == outputs ? x + y : y;
        channels = outputs;
      }
    }
    return normalised("features.18.", "0", "1", x, 320, 1280, 1, 1, 1, true).mean({2, 3});
  }

  std::vector<NamedTensor> file(int64_t classes) const {
    std::vector<NamedTensor> result;
    for (const auto& [name, tensor] : tensors_) result.push_back({name, tensor});
    result.push_back({"classifier.1.weight", torch::randn({classes, 1280})});
    result.push_back({"classifier.1.bias", torch::randn({classes})});
    return result;
  }

 private:
  Tensor of(const std::string& name, const std::function<Tensor()>& draw) {
    if (!tensors_.contains(name)) tensors_[name] = draw();
    return tensors_[name];
  }
  Tensor normalised(const std::string& at, const std::string& convolution, const std::string& norm, const Tensor& x,
                    int64_t inputs, int64_t outputs, int64_t size, int64_t stride, int64_t groups, bool bounded) {
    const auto in_double = torch::kDouble;
    const Tensor weight = of(at + convolution + ".weight", [&] {
      const int64_t each = inputs / groups, fan = each * size * size;
      return torch::randn({outputs, each, size, size}, in_double) * std::sqrt(2.0 / static_cast<double>(fan));
    });
    const auto statistic = [&](const char* what, double low, double high) {
      return of(at + norm + "." + what, [&] { return torch::rand({outputs}, in_double) * (high - low) + low; });
    };
    of(at + norm + ".num_batches_tracked", [] { return torch::tensor(int64_t{7}); });
    const Tensor mean = statistic("running_mean", -0.3, 0.3), variance = statistic("running_var", 0.5, 2.0);
    const Tensor y = F::batch_norm(
        F::conv2d(x, weight, F::Conv2dFuncOptions().stride(stride).padding(size / 2).groups(groups)), mean, variance,
        F::BatchNormFuncOptions()
            .weight(statistic("weight", 0.5, 1.5))
            .bias(statistic("bias", -0.2, 0.5))
            .training(false)
            .eps(1e-5));
    return bounded ? torch::clamp(y, 0, 6) : y;
  }

  std::map<std::string, Tensor> tensors_;
};

class MobileNetFiles : public ::testing::Test {
 protected:
  std::filesystem::path path_of(const std::vector<NamedTensor>& tensors) const {
    save_state(folder_.path() / "weights", tensors);
    return folder_.path() / "weights";
  }
  static std::string refusal(const std::filesystem::path& path, MobileNet& network, bool classifier = false) {
    try {
      load_published(path, network, classifier);
    } catch (const DataError& error) {
      return error.what();
    }
    return "accepted";
  }
  sotto::testing::ScratchFolder folder_;
};

TEST_F(MobileNetFiles, FoldedBatchNormsAreThoseOfLibTorchInEvaluationMode) {
  torch::manual_seed(5);
  Published published;
  const Tensor scaled = torch::randn({2, 3, 64, 64}, torch::kDouble), expected = published.features(scaled);
  expect_to_differ(expected);
  MobileNet network = drawn(kShape, MobileNetAdaptation::head);
  const auto left = load_published(path_of(published.file(1000)), network);
  EXPECT_EQ(left.size(), 54U);
  EXPECT_LT((network.trunk(scaled) - expected).abs().max().item<double>(), 1e-10);
}

TEST_F(MobileNetFiles, TheClassifierIsTakenWhenAskedFor) {
  Published published;
  published.features(torch::zeros({1, 3, 32, 32}, torch::kDouble));
  const std::vector<NamedTensor> file = published.file(5);
  MobileNet network = drawn(kShape, MobileNetAdaptation::head, torch::kFloat);
  EXPECT_THAT(load_published(path_of(file), network, true), Each(HasSubstr("num_batches_tracked")));
  EXPECT_TRUE(torch::equal(network.named_parameters()["classifier.1.weight"], file[file.size() - 2].tensor));
  EXPECT_TRUE(torch::equal(network.named_parameters()["classifier.1.bias"], file.back().tensor));
}

TEST_F(MobileNetFiles, OtherFilesAreRefusedAndChangeNothing) {
  Published published;
  published.features(torch::zeros({1, 3, 32, 32}, torch::kDouble));
  const auto refused = [&](const std::function<void(std::vector<NamedTensor>&)>& spoil, bool classifier = false) {
    std::vector<NamedTensor> file = published.file(1000);
    for (NamedTensor& named : file) named.tensor = named.tensor.clone();
    spoil(file);
    MobileNet network = drawn(kShape, MobileNetAdaptation::head);
    const Tensor before = torch::nn::utils::parameters_to_vector(network.parameters()).clone();
    std::string words = refusal(path_of(file), network, classifier);
    EXPECT_TRUE(torch::equal(before, torch::nn::utils::parameters_to_vector(network.parameters())));
    return words;
  };
  const auto named = [](std::vector<NamedTensor>& file, const std::string& name) {
    return std::ranges::find(file, name, &NamedTensor::name);
  };
  EXPECT_THAT(refused([&](auto& file) { file.erase(named(file, "features.7.conv.3.running_var")); }),
              HasSubstr("'features.7.conv.3.running_var' is missing"));
  EXPECT_THAT(refused([&](auto& file) { named(file, "features.7.conv.3.running_var")->name += "iance"; }),
              HasSubstr("'features.7.conv.3.running_variance' is not in the model"));
  EXPECT_THAT(refused([&](auto& file) { named(file, "features.0.1.bias")->tensor = torch::ones({31}); }),
              HasSubstr("'features.0.1.bias' has shape [31] where the model has [32]"));
  EXPECT_THAT(refused([](auto&) {}, true), HasSubstr("'classifier.1.weight' has shape [1000, 1280]"));
  const auto with_variance = [&](double variance) {
    return refused([&](auto& file) { named(file, "features.18.1.running_var")->tensor[3] = variance; });
  };
  EXPECT_THAT(with_variance(-0.1), HasSubstr("'features.18.1.running_var' holds a variance that is negative"));
  EXPECT_THAT(with_variance(std::nan("")), HasSubstr("'features.18.1.running_var' holds numbers that are not finite"));
}

TEST(MobileNet, HasThePublishedNumberOfParametersButForOneOfTwoPerFoldedNorm) {
  const MobileNet network({.height = 224, .width = 224, .classes = 1000, .channels = 3}, MobileNetAdaptation::bias);
  int64_t all = 0, trained = 0;
  for (const Tensor& parameter : network.parameters()) {
    all += parameter.numel();
    if (parameter.requires_grad()) trained += parameter.numel();
  }
  EXPECT_EQ(all, 3504872 - 17056);
  EXPECT_EQ(trained, 17056 + 1281 * 1000);
}

TEST(MobileNet, TrainsTheClassifierAloneOrTheBiasesToo) {
  for (const auto& [name, count] : {std::pair{"head", 2U}, std::pair{"bias", 54U}}) {
    const MobileNet network(kShape, mobilenet_adaptation(name));
    std::vector<std::string> trained;
    for (const auto& item : network.named_parameters())
      if (item.value().requires_grad()) trained.push_back(item.key());
    EXPECT_EQ(trained.size(), count);
    for (const std::string& parameter : trained)
      EXPECT_TRUE(parameter.starts_with("classifier.1.") || parameter.ends_with(".bias")) << parameter;
  }
  EXPECT_THROW(mobilenet_adaptation("lora"), UsageError);
}

// In double alone: in float the sums of several records and of one are rounded differently, and a unit at a bound of
// ReLU6 passes its gradient in one of them and not in the other.
TEST(MobileNet, PerRecordGradientsAreThoseOfAutograd) {
  for (const MobileNetAdaptation adaptation : {MobileNetAdaptation::head, MobileNetAdaptation::bias}) {
    MobileNet network = drawn(kShape, adaptation);
    optim::testing::Model model;
    model.parameters = optim::testing::named(network);
    for (const auto& item : network.named_parameters())
      if (!item.value().requires_grad()) model.constants.push_back(item.value());
    for (const Tensor& buffer : network.buffers()) model.constants.push_back(buffer);
    const Tensor x = pictures(3);
    {
      const torch::NoGradGuard no_grad;
      expect_to_differ(network.features(x));
    }
    model.inputs = {network.prepare(x).detach(), torch::tensor({0, 3, 4})};
    model.losses = [&](const std::vector<Tensor>& batch) {
      return F::cross_entropy(network.forward(batch[0]), batch[1],
                              F::CrossEntropyFuncOptions().reduction(torch::kNone));
    };
    const optim::testing::Errors errors = optim::testing::compare(model);
    EXPECT_LT(errors.norm, 1e-9);
    EXPECT_LT(errors.weighted, 1e-9);
    EXPECT_TRUE(errors.bounded);
  }
}

TEST(MobileNet, FeaturesComputedOnceGiveTheScoresOfTheWholeNetwork) {
  const torch::NoGradGuard no_grad;
  MobileNet once = drawn(kShape, MobileNetAdaptation::head, torch::kFloat),
            whole = drawn(kShape, MobileNetAdaptation::bias, torch::kFloat);
  const Tensor x = pictures(35).to(torch::kFloat);  // more than are prepared at once
  EXPECT_EQ(once.prepare(x).sizes(), at::IntArrayRef({35, 1280}));
  expect_to_differ(once.prepare(x));
  EXPECT_TRUE(torch::equal(whole.prepare(x), x));
  EXPECT_TRUE(once.forward(once.prepare(x)).allclose(whole.forward(x), 1e-4, 1e-4));
  EXPECT_TRUE(once.prepare(x)[34].allclose(once.prepare(x.slice(0, 34, 35))[0], 1e-4, 1e-4));
  EXPECT_EQ(once.prepare(x.slice(0, 0, 0)).sizes(), at::IntArrayRef({0, 1280}));
}

TEST(MobileNet, ColoursAreScaledAsThePublishedOnes) {
  const MobileNet network = drawn(kShape, MobileNetAdaptation::head);
  const Tensor x = pictures(2), share = (x + 1) / 2, mean = torch::tensor({0.485, 0.456, 0.406}, torch::kDouble),
               deviation = torch::tensor({0.229, 0.224, 0.225}, torch::kDouble);
  const Tensor scaled = (share - mean.view({3, 1, 1})) / deviation.view({3, 1, 1});
  expect_to_differ(network.features(x));
  EXPECT_TRUE(network.features(x).allclose(network.trunk(scaled), 1e-5, 1e-5));
}

TEST(MobileNet, SmallAndGreyPicturesAreMadeWhatItTakes) {
  const ImageShape grey = {.height = 28, .width = 40, .classes = 5};
  const MobileNet small = drawn(grey, MobileNetAdaptation::head);
  const MobileNet large = drawn({.height = 84, .width = 120, .classes = 5, .channels = 3}, MobileNetAdaptation::head);
  const Tensor x = pictures(2, grey);
  const Tensor by_hand = F::interpolate(
      x.expand({2, 3, 28, 40}),
      F::InterpolateFuncOptions().size(std::vector<int64_t>{84, 120}).mode(torch::kBilinear).align_corners(false));
  expect_to_differ(small.features(x));
  EXPECT_TRUE(small.features(x).allclose(large.features(by_hand), 1e-6, 1e-6));
  EXPECT_THROW(MobileNet({.height = 64, .width = 64, .classes = 5, .channels = 2}, MobileNetAdaptation::head),
               UsageError);
  EXPECT_THROW(MobileNet(kShape, MobileNetAdaptation::head, 0), UsageError);
  EXPECT_THROW(MobileNet({.height = 64, .width = 64, .classes = 1, .channels = 3}, MobileNetAdaptation::head),
               UsageError);
}

// Features and scores of one made-up picture, as computed in double by others.
TEST(PublishedMobileNet, HasTheScoresOfItsReference) {
  const char* data = std::getenv("SOTTO_DATA");
  const std::filesystem::path weights =
      std::filesystem::path(data == nullptr ? "" : data) / "mobilenet" / "mobilenet_v2.safetensors";
  if (data == nullptr || !std::filesystem::exists(weights))
    GTEST_SKIP() << "no mobilenet in SOTTO_DATA; fetch it with tools/fetch_data.sh mobilenet";
  std::ifstream file(SOTTO_TEST_DATA "/mobilenet_reference.json");
  const nlohmann::json reference = nlohmann::json::parse(file);
  const double tolerance = reference["suggested_tolerance"]["float32_logits_absolute"];

  EXPECT_EQ(SafetensorsFile::read(weights).tensors().size(), 314U);
  MobileNet network({.height = 32, .width = 32, .classes = 1000, .channels = 3}, MobileNetAdaptation::head);
  const auto left = load_published(weights, network, true);
  EXPECT_EQ(left.size(), 52U);
  EXPECT_THAT(left, Each(HasSubstr("num_batches_tracked")));

  const torch::NoGradGuard no_grad;
  const Tensor scaled = torch::sin(0.01 * torch::arange(3 * 64 * 64, torch::kDouble)).to(torch::kFloat);
  const Tensor features = network.trunk(scaled.view({1, 3, 64, 64})), scores = network.forward(features)[0];
  const auto expect_near = [&](const Tensor& actual, const nlohmann::json& expected) {
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(actual[static_cast<int64_t>(i)].item<double>(), expected[i].get<double>(), tolerance) << i;
  };
  expect_near(features[0], reference["features_first32"]);
  EXPECT_NEAR(features.sum().item<double>(), reference["features_sum"].get<double>(), 10 * tolerance);
  expect_near(scores, reference["logits_first8"]);
  EXPECT_EQ(scores.argmax().item<int64_t>(), reference["argmax"].get<int64_t>());
  EXPECT_NEAR(scores.max().item<double>(), reference["max_logit"].get<double>(), tolerance);
}

}  // namespace
}  // namespace sotto::models

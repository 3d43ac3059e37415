// Half-precision layers: the products run in bfloat16 or float16, norms and sums in float.

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <sotto/optim/without_autocast.h>

#include "oracle_cases.h"
#include "recorder_refusal.h"

namespace sotto::optim::testing {
namespace {

// Autocast while it lives; its cache of cast weights ends with it.
class Autocast {
 public:
  explicit Autocast(at::ScalarType dtype) {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, dtype);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    at::autocast::decrement_nesting();
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
};

Model under_autocast(Model model, at::ScalarType dtype) {
  model.losses = [losses = model.losses, dtype](const Tensors& x) {
    const Autocast autocast(dtype);
    return losses(x).to(torch::kFloat);
  };
  return model;
}

struct NetworkImpl : nn::Module {
  NetworkImpl() {
    convolution = register_module("convolution", nn::Conv2d(nn::Conv2dOptions(2, 4, 3).padding(1)));
    group = register_module("group", nn::GroupNorm(2, 4));
    one = register_module("one", nn::Linear(16, 8));
    layer = register_module("layer", nn::LayerNorm(nn::LayerNormOptions({8})));
    two = register_module("two", nn::Linear(8, 8));
    scale = register_parameter("scale", torch::randn({8}));
  }
  Tensor forward(Tensor x) {
    const Tensor images = torch::relu(group(convolution(x))).flatten(2);  // [B, 4, 16]
    return two(torch::gelu(layer(one(images)))) * scale + two(one(images));
  }
  nn::Conv2d convolution{nullptr};
  nn::GroupNorm group{nullptr};
  nn::Linear one{nullptr}, two{nullptr};
  nn::LayerNorm layer{nullptr};
  Tensor scale;
};
TORCH_MODULE(Network);

Model network() {
  torch::manual_seed(11);
  return wrap(Network(), {random({kRecords, 2, 4, 4})}, torch::kFloat);
}

// bfloat16 carries 8 bits: LibTorch's own gradient of a record is off by about 2^-8 of its parts.
TEST(Autocast, GradientsAreThoseOfTheRoundedModel) {
  const Errors errors = compare(under_autocast(network(), at::kBFloat16));
  EXPECT_LT(errors.norm, 0.02);
  EXPECT_LT(errors.weighted, 0.02);
}

// What is summed is bounded by the norm that weights are made from, to float's accuracy: a contribution of weight
// 1 / norm has norm 1. Computed from the rows that the sum itself uses.
TEST(Autocast, SumsStayWithinTheNormBound) {
  for (const auto strategy : {Strategy::automatic, Strategy::gram, Strategy::keep, Strategy::drop}) {
    const Model model = under_autocast(network(), at::kBFloat16);
    Tape tape(model.parameters, {}, {}, {.force_strategy = strategy});
    for (int64_t i = 0; i < kRecords; ++i) {
      PerRecordGradients gradients = tape.run(model.inputs, model.losses);
      std::vector<float> weights(static_cast<size_t>(kRecords), 0.0f);
      weights[static_cast<size_t>(i)] = 1.0f;
      Tensors sums;
      for (const auto& p : model.parameters) sums.push_back(torch::zeros_like(p.tensor).detach());
      gradients.add_weighted(of_one_group(weights), sums);
      double squared = 0.0;
      for (const Tensor& sum : sums) {
        EXPECT_EQ(sum.scalar_type(), torch::kFloat);
        squared += sum.to(torch::kDouble).pow(2).sum().item<double>();
      }
      EXPECT_LE(std::sqrt(squared), gradients.norm_bound(0, i));
      EXPECT_GE(std::sqrt(squared), gradients.norm_bound(0, i) * (1.0 - 1e-3));
    }
  }
}

// Also where the weighted sum makes the rows of a function of a parameter anew.
TEST(Autocast, MayBeHeldAroundTheWholeStep) {
  torch::manual_seed(12);
  const Model through = loose({random({8, 5})}, {random({kRecords, 6, 5})}, [](auto& p, auto& x) {
    return torch::tanh(torch::linear(x[0], p[0].sin()));
  })(torch::kFloat);
  for (const Model& model : {network(), through}) {
    for (const auto strategy : {Strategy::gram, Strategy::keep, Strategy::drop}) {
      const auto summed = [&](PerRecordGradients gradients) {
        Tensors sums;
        for (const auto& p : model.parameters) sums.push_back(torch::zeros_like(p.tensor).detach());
        gradients.add_weighted(torch::full({1, kRecords}, 0.5f), sums);
        return std::pair(gradients.norm_bound(0, kRecords - 1), sums);
      };
      Tape tape(model.parameters, {}, {}, {.force_strategy = strategy});
      const auto inside = under_autocast(model, at::kBFloat16);
      const auto [expected_norm, expected_sums] = summed(tape.run(inside.inputs, inside.losses));
      const Autocast around(at::kBFloat16);
      const auto [norm, sums] =
          summed(tape.run(model.inputs, [&](const Tensors& x) { return model.losses(x).to(torch::kFloat); }));
      EXPECT_EQ(norm, expected_norm) << to_string(strategy);
      for (size_t p = 0; p < sums.size(); ++p)
        EXPECT_TRUE(torch::equal(sums[p], expected_sums[p])) << to_string(strategy);
    }
  }
}

TEST(Autocast, CastsByHandAreCarriedBackToTheParameter) {
  torch::manual_seed(12);
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const Errors errors =
        compare(loose({random({4, 5}), random({4})}, {random({kRecords, 3, 5})}, [dtype](auto& p, auto& x) {
          const Tensor y = torch::linear(x[0].to(dtype), p[0].to(dtype), p[1].to(dtype));
          return torch::tanh(y.to(torch::kFloat)) * p[1];
        })(torch::kFloat));
    EXPECT_LT(errors.norm, 0.02);
    EXPECT_LT(errors.weighted, 0.02);
  }
}

// Half-precision gradients below 6e-8 vanish; scaled losses keep them, and norms and sums do not show the scale.
TEST(Autocast, LossScaleIsRemovedBeforeNorms) {
  torch::manual_seed(13);
  Model model = loose({random({4, 5})}, {random({kRecords, 5})}, [](auto& p, auto& x) {
    return torch::linear(x[0].to(at::kHalf), p[0].to(at::kHalf));
  })(torch::kFloat);
  model.losses = [losses = model.losses](const Tensors& x) { return losses(x).to(torch::kFloat) * 1e-8; };
  Model exact = model;
  const auto norm = [](const Model& of, double scale) {
    return Tape(of.parameters, {}, {}, {.loss_scale = scale}).run(of.inputs, of.losses).norm_bound(0, 0);
  };
  EXPECT_EQ(norm(model, 1.0), 0.0);
  const double scaled = norm(model, 67108864.0);
  EXPECT_GT(scaled, 1e-10);
  EXPECT_NEAR(scaled, norm(model, 8388608.0), 1e-3 * scaled);
  for (const double wrong : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(Tape(model.parameters, {}, {}, {.loss_scale = wrong}), UsageError);
  }
}

TEST(Autocast, LossScaleIsRemovedFromRecordsRunAlone) {
  torch::manual_seed(13);
  Model model = loose({random({4, 5})}, {random({kRecords, 5})}, [](auto& p, auto& x) {
    return torch::linear(x[0].to(at::kHalf), p[0].to(at::kHalf));
  })(torch::kFloat);
  model.losses = [losses = model.losses](const Tensors& x) { return losses(x).to(torch::kFloat) * 1e-8; };
  const auto norm = [&](Fallback fallback, double scale) {
    return Tape(model.parameters, {}, {}, {.fallback = fallback, .loss_scale = scale})
        .run(model.inputs, model.losses)
        .norm_bound(0, 0);
  };
  EXPECT_EQ(norm(Fallback::per_record, 1.0), 0.0);
  const double together = norm(Fallback::none, 67108864.0);
  EXPECT_NEAR(norm(Fallback::per_record, 67108864.0), together, 2e-3 * together);
}

// The model runs without autocast here, and the program holds it around the step.
TEST(Autocast, IsHeldOffTheBackwardPassOfRecordsRunAlone) {
  Model model = network();
  model.losses = [losses = model.losses](const Tensors& x) {
    const WithoutAutocast in_float;
    return losses(x);
  };
  Tape tape(model.parameters, {}, {}, {.fallback = Fallback::per_record});
  const PerRecordGradients expected = tape.run(model.inputs, model.losses);
  const Autocast around(at::kBFloat16);
  const PerRecordGradients gradients = tape.run(model.inputs, model.losses);
  for (int64_t i = 0; i < kRecords; ++i) EXPECT_EQ(gradients.norm_bound(0, i), expected.norm_bound(0, i));
}

}  // namespace
}  // namespace sotto::optim::testing

// sotto::lstm_layer against LibTorch's own layer and its autograd.

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>
#include <sotto/optim/lstm_layer.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace sotto::optim {
namespace {

using at::Tensor;

struct Layer {
  Tensor input, h, c, input_weight, weight, input_bias, bias;
  std::vector<Tensor> all() const { return {input, h, c, input_weight, weight, input_bias, bias}; }
};

Layer random_layer(int64_t steps, int64_t batch, int64_t inputs, int64_t hidden, at::ScalarType dtype) {
  const auto values = [&](at::IntArrayRef sizes, double scale) {
    return at::randn(sizes, dtype).mul_(scale).requires_grad_();
  };
  const double scale = 1.0 / std::sqrt(static_cast<double>(hidden));
  return {values({steps, batch, inputs}, 1.5), values({batch, hidden}, 0.7),        values({batch, hidden}, 0.7),
          values({4 * hidden, inputs}, scale), values({4 * hidden, hidden}, scale), values({4 * hidden}, scale),
          values({4 * hidden}, scale)};
}

std::vector<Tensor> of_libtorch(const Layer& l, bool reverse) {
  const Tensor input = reverse ? l.input.flip({0}) : l.input;
  const auto [output, h, c] =
      at::lstm(input, {l.h.unsqueeze(0), l.c.unsqueeze(0)}, {l.input_weight, l.weight, l.input_bias, l.bias},
               /*has_biases=*/true, 1, 0.0, /*train=*/true, /*bidirectional=*/false, /*batch_first=*/false);
  return {reverse ? output.flip({0}) : output, h[0], c[0]};
}

std::vector<Tensor> of_operator(const Layer& l, bool reverse) {
  using Operator = std::tuple<Tensor, Tensor, Tensor, Tensor>(
      const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const std::optional<Tensor>&,
      const std::optional<Tensor>&, bool);
  define_lstm_layer();
  const auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(kLstmLayer, "").typed<Operator>();
  const auto [output, last_h, last_c, before] =
      handle.call(l.input, l.h, l.c, l.input_weight, l.weight, l.input_bias, l.bias, reverse);
  const int64_t steps = l.input.size(0);
  EXPECT_FALSE(before.requires_grad());
  EXPECT_TRUE(at::equal(before[reverse ? steps - 1 : 0], l.h));
  EXPECT_TRUE(at::allclose(before.narrow(0, reverse ? 0 : 1, steps - 1), output.narrow(0, reverse ? 1 : 0, steps - 1),
                           0.0, 0.0, /*equal_nan=*/true));
  return {output, last_h, last_c};
}

// A step multiplies the error of its state by at most about the norm of its matrix, here near 1 and damped by gates, so
// that errors of all steps add up: steps * (inputs + hidden) roundings, of values of size 1, times a safety of 16.
double tolerance(const Layer& l) {
  const double unit = l.input.scalar_type() == at::kFloat ? 0x1p-24 : 0x1p-53;
  return 16.0 * unit * static_cast<double>(l.input.size(0) * (l.input.size(2) + l.h.size(1)));
}

void expect_equal_layers(const Layer& layer, bool reverse, const std::vector<bool>& used) {
  std::vector<Tensor> expected = of_libtorch(layer, reverse), actual = of_operator(layer, reverse);
  Tensor expected_sum = at::zeros({}, layer.input.options()), actual_sum = at::zeros({}, layer.input.options());
  for (size_t o = 0; o < expected.size(); ++o) {
    EXPECT_TRUE(actual[o].allclose(expected[o], 0.0, tolerance(layer))) << "output " << o;
    if (!used[o]) continue;
    const Tensor factor = at::randn_like(expected[o]);
    expected_sum = expected_sum + (expected[o] * factor).sum();
    actual_sum = actual_sum + (actual[o] * factor).sum();
  }
  const auto gradient = [&](const Tensor& sum) { return torch::autograd::grad({sum}, layer.all()); };
  const std::vector<Tensor> of_expected = gradient(expected_sum), of_actual = gradient(actual_sum);
  for (size_t g = 0; g < of_expected.size(); ++g) {
    const double size = std::max(1.0, of_expected[g].abs().max().item<double>());
    EXPECT_TRUE(of_actual[g].allclose(of_expected[g], 0.0, size * tolerance(layer))) << "gradient " << g;
  }
}

TEST(LstmLayer, HasTheValuesAndGradientsOfLibTorchsLayer) {
  at::manual_seed(3);
  struct Size {
    int64_t steps, batch, inputs, hidden;
  };
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble})
    for (const Size& s : {Size{1, 1, 1, 1}, Size{2, 3, 5, 4}, Size{3, 7, 2, 16}, Size{5, 13, 6, 17}, Size{9, 6, 3, 33},
                          Size{4, 25, 8, 100}})
      for (const bool reverse : {false, true}) {
        SCOPED_TRACE(::testing::Message() << s.steps << " " << s.batch << " " << s.hidden << " " << dtype << reverse);
        expect_equal_layers(random_layer(s.steps, s.batch, s.inputs, s.hidden, dtype), reverse, {true, true, true});
      }
}

TEST(LstmLayer, TakesGradientsOfEachResultAlone) {
  at::manual_seed(4);
  for (size_t alone = 0; alone < 3; ++alone) {
    std::vector<bool> used(3, false);
    used[alone] = true;
    expect_equal_layers(random_layer(4, 5, 3, 6, at::kFloat), false, used);
  }
}

TEST(LstmLayer, KeepsNumbersThatAreNotFiniteInTheirRecord) {
  at::manual_seed(5);
  const at::NoGradGuard no_grad;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Layer sound = random_layer(4, 9, 3, 20, at::kFloat);
    Layer spoilt = sound;
    spoilt.input = sound.input.clone();
    spoilt.input.select(1, 5).fill_(bad);
    const Tensor expected = of_operator(sound, false)[0], actual = of_operator(spoilt, false)[0];
    for (int64_t i = 0; i < 9; ++i)
      EXPECT_EQ(at::equal(actual.select(1, i), expected.select(1, i)), i != 5) << "record " << i << " " << bad;
    EXPECT_TRUE(actual.select(1, 5).isnan().any().item<bool>()) << bad;
  }
}

TEST(LstmLayer, RefusesTensorsThatDoNotFit) {
  const Layer sound = random_layer(2, 3, 4, 5, at::kFloat);
  const auto refused = [&](const char* name, const auto& spoil) {
    Layer layer = sound;
    spoil(layer);
    try {
      of_operator(layer, false);
      return ::testing::AssertionFailure() << name << " was taken";
    } catch (const UsageError& error) {
      return std::string(error.what()).find(name) != std::string::npos ? ::testing::AssertionSuccess()
                                                                       : ::testing::AssertionFailure() << error.what();
    }
  };
  EXPECT_TRUE(refused("input", [](Layer& l) { l.input = at::zeros({2, 4}); }));
  EXPECT_TRUE(
      refused("h: Float of sizes [1, 5]; must be Float of sizes [3, 5]", [](Layer& l) { l.h = l.h.narrow(0, 0, 1); }));
  EXPECT_TRUE(refused("c", [](Layer& l) { l.c = at::zeros({3, 4}); }));
  EXPECT_TRUE(refused("input_weight", [](Layer& l) { l.input_weight = at::zeros({20, 3}); }));
  EXPECT_TRUE(refused("weight", [](Layer& l) { l.weight = at::zeros({16, 5}); }));
  EXPECT_TRUE(refused("bias: Double", [](Layer& l) { l.bias = at::zeros({20}, at::kDouble); }));
}

// sigmoid and tanh where they are small, saturate and overflow.
TEST(LstmLayer, IsExactFromTinyToHugeGates) {
  const at::NoGradGuard no_grad;
  std::vector<double> sizes = {0.0};
  for (int e = -100; e <= 120; ++e)
    for (const double sign : {1.0, -1.0}) sizes.push_back(sign * std::ldexp(1.37, e));
  const auto batch = static_cast<int64_t>(sizes.size());
  const Tensor x = at::tensor(sizes, at::kDouble).to(at::kFloat);
  for (int64_t gate = 0; gate < 4; ++gate) {
    // Input and output gates open, forget gate closed, unless they are the one that is varied; cell value 20 (tanh 1).
    Tensor gates = at::empty({1, batch, 4});
    gates.select(2, 0).fill_(90.0);
    gates.select(2, 1).fill_(-200.0);
    gates.select(2, 2).fill_(20.0);
    gates.select(2, 3).fill_(90.0);
    gates.select(2, gate).copy_(x);
    const Tensor c = at::ones({batch, 1}), none = at::zeros({4});
    const Tensor output =
        of_operator({gates, at::zeros({batch, 1}), c, at::eye(4), at::zeros({4, 1}), none, none}, false)[0];
    const Tensor exact = gates[0].to(at::kDouble);
    const Tensor cell = exact.select(1, 1).sigmoid() * c.select(1, 0).to(at::kDouble) +
                        exact.select(1, 0).sigmoid() * exact.select(1, 2).tanh();
    const Tensor expected = exact.select(1, 3).sigmoid() * cell.tanh();
    // Each function within 4 units of 2^-24 of its value, five of them and two products; below the smallest normal
    // float the value itself is lost.
    const Tensor error = (output[0].select(1, 0).to(at::kDouble) - expected).abs();
    const Tensor allowed = expected.abs() * (24 * 0x1p-24) + 0x1p-125;
    for (int64_t i = 0; i < batch; ++i)
      EXPECT_LE(error[i].item<double>(), allowed[i].item<double>()) << "gate " << gate << " at " << x[i].item<float>();
  }
}

}  // namespace
}  // namespace sotto::optim

// Weights that are functions of parameters: normalised, masked, low rank, cast, looked up.

#include <gtest/gtest.h>
#include <sotto/optim/pull_back.h>

#include "oracle_suite.h"

namespace sotto::optim::testing {
namespace {

const Cases& function_cases() {
  static const Cases all = [] {
    torch::manual_seed(7);
    Cases c;
    c["WeightNorm"] = loose({random({4, 5}), random({4, 1}), random({4})}, {random({kB, 3, 5})}, [](auto& p, auto& x) {
      return torch::linear(x[0], at::_weight_norm(p[0], p[1], 0), p[2]);
    });
    c["WeightNormOfConvolution"] =
        loose({random({4, 2, 3, 3}), random({4, 1, 1, 1})}, {random({kB, 2, 5, 5})},
              [](auto& p, auto& x) { return torch::conv2d(x[0], at::_weight_norm(p[0], p[1], 0)); });
    c["WeightNormOfTheLastDimension"] =
        loose({random({4, 5}), random({1, 5})}, {random({kB, 5})},
              [](auto& p, auto& x) { return torch::linear(x[0], at::_weight_norm(p[0], p[1], 1)); });
    c["WeightNormByHandTransposed"] = loose({random({5, 4}), random({5, 1})}, {random({kB, 5})}, [](auto& p, auto& x) {
      const Tensor weight = p[1] * p[0] / p[0].norm(2, {1}, true);
      return torch::linear(torch::tanh(torch::linear(x[0], weight.t())), weight);
    });
    c["WeightStandardised"] = loose({random({4, 2, 3, 3})}, {random({kB, 2, 5, 5})}, [](auto& p, auto& x) {
      const auto [variance, mean] = torch::var_mean(p[0], {1, 2, 3}, true, true);
      return torch::conv2d(x[0], (p[0] - mean) * torch::rsqrt(variance + 1e-5));
    });
    c["SpectralNorm"] = loose({random({4, 5})}, {random({kB, 5})}, [](auto& p, auto& x) {
      Tensor v = torch::ones({5}, p[0].options()).detach();
      Tensor u;
      {
        torch::NoGradGuard guard;
        u = F::normalize(p[0].mv(v), F::NormalizeFuncOptions().dim(0));
        v = F::normalize(p[0].t().mv(u), F::NormalizeFuncOptions().dim(0));
      }
      return torch::linear(x[0], p[0] / u.dot(p[0].mv(v)));
    });
    c["MaskedWeight"] = loose({random({4, 5})}, {random({kB, 3, 5})}, [](auto& p, auto& x) {
      return torch::linear(x[0], p[0].tril() + p[0].masked_fill(p[0] > 0, 0.0));
    });
    c["OrthogonalWeight"] = loose({random({4, 4})}, {random({kB, 3, 4})}, [](auto& p, auto& x) {
      return torch::linear(x[0], torch::matrix_exp(p[0] - p[0].t()));
    });
    c["SquaredScale"] = loose({random({5}), random({5})}, {random({kB, 3, 5})},
                              [](auto& p, auto& x) { return x[0] * torch::softplus(p[0]) + torch::exp(p[0]) * p[1]; });
    c["LowRankUpdate"] = loose({random({4, 5}), random({2, 5}), random({4, 2})}, {random({kB, 3, 5})},
                               [](auto& p, auto& x) { return torch::linear(x[0], p[0] + p[2].mm(p[1])); });
    c["TwoParametersJoined"] = loose({random({4, 5}), random({3, 5})}, {random({kB, 5})}, [](auto& p, auto& x) {
      return torch::linear(x[0], torch::cat({p[0], p[1], p[0] * 2}));
    });
    c["HyperNetwork"] = loose({random({3}), random({20, 3}), random({20})}, {random({kB, 5})}, [](auto& p, auto& x) {
      return torch::linear(x[0], torch::linear(p[0], p[1], p[2]).view({4, 5}));
    });
    c["FunctionOfAFunction"] = loose({random({4, 4}), random({4, 1})}, {random({kB, 4})}, [](auto& p, auto& x) {
      const Tensor one = torch::tanh(p[0]);
      const Tensor two = one * p[1];
      return torch::linear(torch::linear(x[0], one), two) + torch::linear(x[0], p[0]);
    });
    c["SharedSeveralWays"] = loose({random({4, 4})}, {random({kB, 3, 4})}, [](auto& p, auto& x) {
      const Tensor y = torch::linear(x[0], p[0].contiguous()) + torch::linear(x[0], p[0].t().contiguous());
      return torch::tanh(y) * p[0].slice(0, 0, 3) + p[0][1].expand_as(x[0]);
    });
    c["ExpandedWeight"] = loose({random({4, 1}), random({1, 5})}, {random({kB, 5})}, [](auto& p, auto& x) {
      return torch::linear(x[0], p[0].expand({4, 5})) + torch::linear(x[0], p[1].repeat({4, 1}));
    });
    return c;
  }();
  return all;
}

INSTANTIATE_TEST_SUITE_P(Functions, Oracle, keep_and_drop(function_cases()), case_name);

TEST(PullBack, MapsTheBackwardPassOverRecords) {
  torch::manual_seed(8);
  const Tensor p = torch::randn({4, 5}, torch::kDouble).requires_grad_();
  const Tensor unused = torch::randn({2}, torch::kDouble).requires_grad_();
  const Tensor value = p / p.norm(2, {1}, true);
  const Tensor other = p.exp().sum(0);
  const Tensor g = torch::randn({3, 4, 5}, torch::kDouble);
  const Tensor h = torch::randn({3, 5}, torch::kDouble);
  const auto pulled = pull_back({value, other}, {g, h}, {p, unused});
  ASSERT_FALSE(pulled[1].defined());
  for (int64_t i = 0; i < 3; ++i) {
    const auto truth = torch::autograd::grad({value, other}, {p}, {g[i], h[i]}, true);
    EXPECT_TRUE(pulled[0][i].allclose(truth[0], 1e-12, 1e-12));
  }
}

}  // namespace
}  // namespace sotto::optim::testing

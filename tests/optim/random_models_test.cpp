// Random compositions of layers against one-record-at-a-time autograd: a chain of 1 to 6 layers drawn by RapidCheck,
// over sequences [B, T, D], batch first or time first, some layers shared. RapidCheck shrinks what fails to the
// shortest chain. Seed: RC_PARAMS="seed=..." repeats a run.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "oracle_cases.h"

namespace sotto::optim::testing {
namespace {

constexpr int64_t kWidth = 4;

using Layer = std::function<Tensor(const Tensor& x, bool time_first)>;
using Parameters = std::vector<Tensor>;  // of one model

Tensor parameter(Parameters& owned, at::IntArrayRef sizes) {
  owned.push_back(torch::randn(sizes, torch::kDouble).mul(0.5).requires_grad_());
  return owned.back();
}

template <class Holder>
Holder owned_module(Parameters& owned, Holder of) {
  of->to(torch::kDouble);
  for (const Tensor& p : of->parameters()) owned.push_back(p);
  return of;
}

// Every kind keeps the sizes [B, T, D] or [T, B, D].
const std::vector<std::pair<std::string, std::function<Layer(Parameters&)>>>& kinds() {
  static const std::vector<std::pair<std::string, std::function<Layer(Parameters&)>>> all = {
      {"linear",
       [](Parameters& owned) -> Layer {
         auto of = owned_module(owned, nn::Linear(kWidth, kWidth));
         return [of](const Tensor& x, bool) mutable { return of(x); };
       }},
      {"linear on rows",
       [](Parameters& owned) -> Layer {
         const Tensor w = parameter(owned, {kWidth, kWidth}), b = parameter(owned, {kWidth});
         return [=](const Tensor& x, bool) { return torch::addmm(b, x.reshape({-1, kWidth}), w).view(x.sizes()); };
       }},
      {"transposed weight, used twice",
       [](Parameters& owned) -> Layer {
         const Tensor w = parameter(owned, {kWidth, kWidth});
         return [=](const Tensor& x, bool) { return torch::linear(torch::tanh(torch::linear(x, w)), w.t()); };
       }},
      {"layer norm",
       [](Parameters& owned) -> Layer {
         auto of = owned_module(owned, nn::LayerNorm(nn::LayerNormOptions({kWidth})));
         return [of](const Tensor& x, bool) mutable { return of(x); };
       }},
      {"rms norm",
       [](Parameters& owned) -> Layer {
         const Tensor w = parameter(owned, {kWidth});
         return [=](const Tensor& x, bool) { return torch::rms_norm(x, {kWidth}, w, 1e-5); };
       }},
      {"scale and shift",
       [](Parameters& owned) -> Layer {
         const Tensor scale = parameter(owned, {kWidth}), shift = parameter(owned, {1, 1, kWidth});
         return [=](const Tensor& x, bool) { return x * scale + shift; };
       }},
      {"normalised weight",
       [](Parameters& owned) -> Layer {
         const Tensor v = parameter(owned, {kWidth, kWidth}), g = parameter(owned, {kWidth, 1});
         return [=](const Tensor& x, bool) { return torch::linear(x, g * v / v.norm(2, {1}, true)); };
       }},
      {"convolution over time",
       [](Parameters& owned) -> Layer {
         const Tensor w = parameter(owned, {kWidth, kWidth, 3});
         return [=](const Tensor& x, bool time_first) {
           const Tensor first = time_first ? x.transpose(0, 1) : x;
           const Tensor y = torch::conv1d(first.transpose(1, 2), w, {}, 1, 1).transpose(1, 2);
           return time_first ? y.transpose(0, 1) : y;
         };
       }},
      {"attention",
       [](Parameters& owned) -> Layer {
         const Tensor w = parameter(owned, {3 * kWidth, kWidth});
         return [=](const Tensor& x, bool time_first) {
           const Tensor first = time_first ? x.transpose(0, 1) : x;
           const auto parts = torch::linear(first, w).unsqueeze(1).chunk(3, -1);
           const Tensor y = torch::scaled_dot_product_attention(parts[0], parts[1], parts[2]).squeeze(1);
           return time_first ? y.transpose(0, 1) : y;
         };
       }},
      {"GRU",
       [](Parameters& owned) -> Layer {
         auto of = owned_module(owned, nn::GRU(nn::GRUOptions(kWidth, kWidth)));
         return [of](const Tensor& x, bool time_first) mutable {
           const Tensor y = std::get<0>(of->forward(time_first ? x : x.transpose(0, 1)));
           return time_first ? y : y.transpose(0, 1);
         };
       }},
      {"LSTM",
       [](Parameters& owned) -> Layer {
         auto of = owned_module(owned, nn::LSTM(nn::LSTMOptions(kWidth, kWidth)));
         return [of](const Tensor& x, bool time_first) mutable {
           const Tensor y = std::get<0>(of->forward(time_first ? x : x.transpose(0, 1)));
           return time_first ? y : y.transpose(0, 1);
         };
       }},
      {"token in front",
       [](Parameters& owned) -> Layer {
         const Tensor token = parameter(owned, {1, 1, kWidth});
         return [=](const Tensor& x, bool time_first) {
           const int64_t time = time_first ? 0 : 1;
           const int64_t batch = x.size(1 - time);
           const Tensor front = time_first ? token.expand({1, batch, kWidth}) : token.expand({batch, 1, kWidth});
           return torch::cat({front, x}, time).slice(time, 0, x.size(time));
         };
       }},
      {"einsum",
       [](Parameters& owned) -> Layer {
         const Tensor w = parameter(owned, {2, kWidth, kWidth});
         return [=](const Tensor& x, bool) { return torch::einsum("btd,hde->bthe", {x, w}).tanh().sum(2); };
       }},
      {"gate",
       [](Parameters& owned) -> Layer {
         const Tensor gate = parameter(owned, {kWidth}), w = parameter(owned, {kWidth, kWidth});
         return [=](const Tensor& x, bool) { return torch::lerp(x, torch::linear(x, w), torch::sigmoid(gate)); };
       }},
      {"activation", [](Parameters&) -> Layer { return [](const Tensor& x, bool) { return torch::gelu(x); }; }},
      {"softmax", [](Parameters&) -> Layer { return [](const Tensor& x, bool) { return torch::softmax(x, -1); }; }},
      {"other order",
       [](Parameters&) -> Layer { return [](const Tensor& x, bool) { return x.contiguous() - x.flip({2}); }; }},
  };
  return all;
}

RC_GTEST_PROP(RandomModels, MatchAutogradOneRecordAtATime, ()) {
  const auto chain = *rc::gen::resize(
      6, rc::gen::nonEmpty(rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, kinds().size()))));
  const bool time_first = *rc::gen::arbitrary<bool>();
  const bool repeated = *rc::gen::arbitrary<bool>();  // the whole chain twice, with the same parameters
  const bool residual = *rc::gen::arbitrary<bool>();
  const auto strategy = *rc::gen::element(Strategy::automatic, Strategy::gram, Strategy::keep, Strategy::drop);
  const int64_t steps = *rc::gen::inRange<int64_t>(1, 5);
  torch::manual_seed(*rc::gen::inRange<uint64_t>(0, 1 << 20));

  Parameters owned;
  std::vector<Layer> layers;
  for (const size_t kind : chain) {
    RC_LOG() << kinds()[kind].first << std::endl;
    layers.push_back(kinds()[kind].second(owned));
  }
  const Tensor head = parameter(owned, {kWidth});
  Model model;
  for (size_t p = 0; p < owned.size(); ++p) model.parameters.push_back({"p" + std::to_string(p), owned[p]});
  model.inputs = {torch::randn({5, steps, kWidth}, torch::kDouble)};
  model.losses = [=](const Tensors& x) {
    Tensor y = time_first ? x[0].transpose(0, 1) : x[0];
    for (int round = 0; round < (repeated ? 2 : 1); ++round) {
      for (const Layer& layer : layers) y = residual ? y + layer(y, time_first) : layer(y, time_first);
    }
    return to_losses((time_first ? y.transpose(0, 1) : y) * head);
  };
  const Errors errors = compare(model, {.force_strategy = strategy});
  RC_ASSERT(errors.norm < 1e-8);
  RC_ASSERT(errors.weighted < 1e-9);
  RC_ASSERT(errors.bounded);
}

}  // namespace
}  // namespace sotto::optim::testing

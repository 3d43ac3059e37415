// Every layer, rank and sharing pattern against one-record-at-a-time autograd, in double (1e-10) and float (1e-5),
// under every strategy that applies.

#include <gtest/gtest.h>

#include "oracle_cases.h"
#include "oracle_suite.h"

namespace sotto::optim::testing {
namespace {

struct TimeFirstImpl : nn::Module {
  TimeFirstImpl() {
    one = register_module("one", nn::Linear(5, 7));
    norm = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({7})));
    two = register_module("two", nn::Linear(nn::LinearOptions(7, 3).bias(false)));
  }
  Tensor forward(Tensor x) { return two(norm(torch::tanh(one(x.transpose(0, 1))))).transpose(0, 1); }
  nn::Linear one{nullptr}, two{nullptr};
  nn::LayerNorm norm{nullptr};
};
TORCH_MODULE(TimeFirst);

struct TransformerImpl : nn::Module {
  TransformerImpl() {
    embedding = register_module("embedding", nn::Embedding(11, 8));
    encoder = register_module(
        "encoder",
        nn::TransformerEncoder(
            nn::TransformerEncoderLayer(nn::TransformerEncoderLayerOptions(8, 2).dim_feedforward(12).dropout(0.0)), 2));
    head = register_module("head", nn::Linear(8, 3));
  }
  Tensor forward(Tensor tokens) { return head(encoder(embedding(tokens).transpose(0, 1)).transpose(0, 1).mean(1)); }
  nn::Embedding embedding{nullptr};
  nn::TransformerEncoder encoder{nullptr};
  nn::Linear head{nullptr};
};
TORCH_MODULE(Transformer);

struct SharedImpl : nn::Module {
  SharedImpl() {
    shared = register_module("shared", nn::Linear(6, 6));
    norm = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({6})));
  }
  Tensor forward(Tensor x) {
    for (int i = 0; i < 3; ++i) x = norm(torch::tanh(shared(x)));
    return x;
  }
  nn::Linear shared{nullptr};
  nn::LayerNorm norm{nullptr};
};
TORCH_MODULE(Shared);

struct TiedImpl : nn::Module {
  TiedImpl() {
    embedding = register_module("embedding", nn::Embedding(9, 5));
    hidden = register_module("hidden", nn::Linear(5, 5));
  }
  Tensor forward(Tensor tokens) { return F::linear(torch::tanh(hidden(embedding(tokens))), embedding->weight); }
  nn::Embedding embedding{nullptr};
  nn::Linear hidden{nullptr};
};
TORCH_MODULE(Tied);

struct SharedConvolutionImpl : nn::Module {
  SharedConvolutionImpl() {
    convolution = register_module("convolution", nn::Conv2d(nn::Conv2dOptions(3, 3, 3).padding(1)));
  }
  Tensor forward(Tensor x) { return convolution(torch::tanh(convolution(x))); }
  nn::Conv2d convolution{nullptr};
};
TORCH_MODULE(SharedConvolution);

const Cases& tape_cases() {
  static const Cases all = [] {
    Cases c;
    const auto linear = [](std::vector<int64_t> sizes, bool bias) {
      return [=](torch::Dtype dtype) {
        return wrap(nn::Linear(nn::LinearOptions(sizes.back(), 4).bias(bias)), {random(sizes)}, dtype);
      };
    };
    c["LinearRank2"] = linear({kRecords, 5}, true);
    c["LinearRank3"] = linear({kRecords, 3, 5}, true);
    c["LinearRank4"] = linear({kRecords, 2, 3, 5}, true);
    c["LinearRank5"] = linear({kRecords, 2, 2, 3, 5}, true);
    c["LinearRank2NoBias"] = linear({kRecords, 5}, false);
    c["LinearRank3NoBias"] = linear({kRecords, 3, 5}, false);
    c["LinearRank5NoBias"] = linear({kRecords, 2, 2, 3, 5}, false);
    c["LinearLong"] = linear({kRecords, 40, 5}, true);
    c["LinearWide"] = [](torch::Dtype dtype) { return wrap(nn::Linear(96, 80), {random({kRecords, 2, 96})}, dtype); };
    c["LinearTimeFirst"] = [](torch::Dtype dtype) { return wrap(TimeFirst(), {random({kRecords, 4, 5})}, dtype); };
    c["LinearBatchInTheMiddle"] = [](torch::Dtype dtype) {
      return free_model(
          {random({4, 5}), random({4})}, {random({kRecords, 2, 3, 5})},
          [](auto& p, auto& x) {
            return torch::linear(x[0].permute({1, 0, 2, 3}), p[0], p[1]).permute({1, 0, 2, 3});
          },
          dtype);
    };
    c["LinearOnMergedDimensions"] = [](torch::Dtype dtype) {
      return free_model(
          {random({4, 5})}, {random({kRecords, 3, 2, 5})},
          [](auto& p, auto& x) {
            const Tensor rows = x[0].transpose(0, 1).reshape({3 * x[0].size(0), 2, 5});
            return torch::linear(rows, p[0]).view({3, -1, 2, 4}).transpose(0, 1);
          },
          dtype);
    };
    c["MatrixProduct"] = [](torch::Dtype dtype) {
      return free_model(
          {random({5, 4}), random({4})}, {random({kRecords, 5})}, [](auto& p, auto& x) { return x[0].mm(p[0]) + p[1]; },
          dtype);
    };
    c["AddMatrixProductScaled"] = [](torch::Dtype dtype) {
      return free_model(
          {random({5, 4}), random({4})}, {random({kRecords, 5})},
          [](auto& p, auto& x) { return torch::addmm(p[1], x[0], p[0], 0.5, 2.0); }, dtype);
    };
    c["TransposedParameter"] = [](torch::Dtype dtype) {
      return free_model(
          {random({4, 5})}, {random({kRecords, 5})}, [](auto& p, auto& x) { return x[0].mm(p[0].t()); }, dtype);
    };
    c["ParameterUsedBothWays"] = [](torch::Dtype dtype) {
      return free_model(
          {random({5, 5})}, {random({kRecords, 5})},
          [](auto& p, auto& x) { return torch::linear(torch::tanh(x[0].mm(p[0].t())), p[0].t()); }, dtype);
    };
    c["TransposedSequenceParameter"] = [](torch::Dtype dtype) {
      return free_model(
          {random({5, 4})}, {random({kRecords, 3, 5})}, [](auto& p, auto& x) { return torch::linear(x[0], p[0].t()); },
          dtype);
    };
    c["ParameterStoredInAnotherOrder"] = [](torch::Dtype dtype) {
      return free_model(
          {random({5, 4}).t()}, {random({kRecords, 5})},
          [](auto& p, auto& x) { return x[0].mm(p[0].t()) + torch::linear(x[0], p[0]); }, dtype);
    };
    c["PermutedConvolution"] = [](torch::Dtype dtype) {
      return free_model(
          {random({3, 3, 2, 4}), random({2, 4})}, {random({kRecords, 2, 5, 5})},
          [](auto& p, auto& x) {
            return torch::conv2d(x[0], p[0].permute({3, 2, 0, 1})) + p[1].t().select(1, 0).view({4, 1, 1});
          },
          dtype);
    };
    c["TransposedEmbeddingUsedTwice"] = [](torch::Dtype dtype) {
      return free_model(
          {random({5, 9})}, {tokens({kRecords, 4}, 9)},
          [](auto& p, auto& x) { return torch::linear(torch::embedding(p[0].t(), x[0]), p[0].t()); }, dtype);
    };
    c["WeightFromTwoParameters"] = [](torch::Dtype dtype) {
      return free_model(
          {random({4, 5}), random({4, 1}), random({4})}, {random({kRecords, 3, 5})},
          [](auto& p, auto& x) { return torch::linear(x[0], p[0] * torch::tanh(p[1]), p[2]); }, dtype);
    };
    c["WeightNormalised"] = [](torch::Dtype dtype) {
      return free_model(
          {random({4, 5}), random({4, 1})}, {random({kRecords, 5})},
          [](auto& p, auto& x) {
            return torch::linear(torch::linear(x[0], p[1] * p[0] / p[0].norm(2, {1}, true)), p[0].t());
          },
          dtype);
    };
    c["LowRank"] = [](torch::Dtype dtype) {
      return free_model(
          {random({2, 5}), random({4, 2})}, {random({kRecords, 3, 5})},
          [](auto& p, auto& x) { return torch::linear(torch::linear(x[0], p[0]), p[1]); }, dtype);
    };
    const auto convolution = [&c](const std::string& name, auto options, std::vector<int64_t> sizes) {
      c[name] = [=](torch::Dtype dtype) {
        if constexpr (std::is_same_v<decltype(options), nn::Conv1dOptions>) {
          return wrap(nn::Conv1d(options), {random(sizes)}, dtype);
        } else if constexpr (std::is_same_v<decltype(options), nn::Conv2dOptions>) {
          return wrap(nn::Conv2d(options), {random(sizes)}, dtype);
        } else {
          return wrap(nn::Conv3d(options), {random(sizes)}, dtype);
        }
      };
    };
    convolution("Conv1d", nn::Conv1dOptions(3, 4, 3), {kRecords, 3, 9});
    convolution("Conv1dStridePadDilationGroups", nn::Conv1dOptions(4, 6, 3).stride(2).padding(2).dilation(2).groups(2),
                {kRecords, 4, 11});
    convolution("Conv1dSame", nn::Conv1dOptions(3, 4, 4).padding(torch::kSame), {kRecords, 3, 9});
    convolution("Conv2d", nn::Conv2dOptions(3, 4, 3), {kRecords, 3, 6, 7});
    convolution("Conv2dNoBias", nn::Conv2dOptions(3, 4, 3).bias(false), {kRecords, 3, 6, 7});
    convolution("Conv2dStridePad", nn::Conv2dOptions(1, 4, 4).stride(2).padding(1), {kRecords, 1, 9, 8});
    convolution("Conv2dUneven", nn::Conv2dOptions(2, 4, {3, 2}).stride({1, 2}).padding({2, 0}).dilation({2, 1}),
                {kRecords, 2, 8, 7});
    convolution("Conv2dGroups", nn::Conv2dOptions(4, 6, 3).groups(2).padding(1), {kRecords, 4, 5, 5});
    convolution("Conv2dDepthwise", nn::Conv2dOptions(4, 4, 3).groups(4), {kRecords, 4, 5, 5});
    convolution("Conv2dPointwise", nn::Conv2dOptions(4, 6, 1), {kRecords, 4, 3, 3});
    convolution("Conv2dCircular", nn::Conv2dOptions(2, 3, 3).padding(1).padding_mode(torch::kCircular),
                {kRecords, 2, 5, 5});
    convolution("Conv3d", nn::Conv3dOptions(2, 3, {2, 3, 2}).stride({1, 2, 1}).padding({1, 0, 1}).dilation({1, 1, 2}),
                {kRecords, 2, 4, 6, 5});
    convolution("Conv3dGroups", nn::Conv3dOptions(4, 4, 2).groups(2), {kRecords, 4, 3, 3, 3});
    c["Conv2dSeveralImagesPerRecord"] = [](torch::Dtype dtype) {
      return free_model(
          {random({4, 2, 3, 3}), random({4})}, {random({kRecords, 3, 2, 5, 5})},
          [](auto& p, auto& x) {
            const Tensor out = torch::conv2d(x[0].flatten(0, 1), p[0], p[1]);
            return out.view({x[0].size(0), -1, 4, 3, 3});
          },
          dtype);
    };
    c["EmbeddingRank1"] = [](torch::Dtype dtype) { return wrap(nn::Embedding(7, 3), {tokens({kRecords}, 7)}, dtype); };
    c["EmbeddingRank2"] = [](torch::Dtype dtype) {
      return wrap(nn::Embedding(5, 3), {tokens({kRecords, 9}, 5)}, dtype);
    };
    c["EmbeddingRank3"] = [](torch::Dtype dtype) {
      return wrap(nn::Embedding(5, 3), {tokens({kRecords, 2, 4}, 5)}, dtype);
    };
    c["EmbeddingPadding"] = [](torch::Dtype dtype) {
      return wrap(nn::Embedding(nn::EmbeddingOptions(5, 3).padding_idx(1)), {tokens({kRecords, 9}, 5)}, dtype);
    };
    const auto layer_norm = [](std::vector<int64_t> sizes, std::vector<int64_t> normalised) {
      return [=](torch::Dtype dtype) {
        nn::LayerNorm module{nn::LayerNormOptions(normalised)};
        torch::NoGradGuard guard;
        module->weight.normal_();
        module->bias.normal_();
        return wrap(module, {random(sizes)}, dtype);
      };
    };
    c["LayerNormRank2"] = layer_norm({kRecords, 5}, {5});
    c["LayerNormRank3"] = layer_norm({kRecords, 3, 5}, {5});
    c["LayerNormRank4TwoDimensions"] = layer_norm({kRecords, 3, 4, 5}, {4, 5});
    c["LayerNormRank5"] = layer_norm({kRecords, 2, 3, 2, 5}, {5});
    const auto group_norm = [](std::vector<int64_t> sizes) {
      return [=](torch::Dtype dtype) { return wrap(nn::GroupNorm(2, 4), {random(sizes)}, dtype); };
    };
    c["GroupNormRank2"] = group_norm({kRecords, 4});
    c["GroupNormRank3"] = group_norm({kRecords, 4, 3});
    c["GroupNormRank4"] = group_norm({kRecords, 4, 3, 2});
    c["GroupNormRank5"] = group_norm({kRecords, 4, 2, 3, 2});
    c["BatchNormFrozen"] = [](torch::Dtype dtype) {
      nn::BatchNorm2d module{nn::BatchNorm2dOptions(3)};
      module->running_mean.normal_();
      module->running_var.uniform_(0.5, 2.0);
      module->eval();
      return wrap(module, {random({kRecords, 3, 4, 4})}, dtype);
    };
    c["BiasOfEveryShape"] = [](torch::Dtype dtype) {
      return free_model(
          {random({5}), random({3, 1}), random({1}), random({1, 3, 5}), random({})}, {random({kRecords, 3, 5})},
          [](auto& p, auto& x) {
            Tensor y = x[0] + p[0];
            y = p[1] + torch::tanh(y);
            y = torch::add(y, p[2], 0.5);
            return torch::tanh(y - p[3]) + p[4];
          },
          dtype);
    };
    c["SharedModule"] = [](torch::Dtype dtype) { return wrap(Shared(), {random({kRecords, 2, 6})}, dtype); };
    c["SharedModuleOnePosition"] = [](torch::Dtype dtype) { return wrap(Shared(), {random({kRecords, 6})}, dtype); };
    c["SharedConvolution"] = [](torch::Dtype dtype) {
      return wrap(SharedConvolution(), {random({kRecords, 3, 5, 5})}, dtype);
    };
    c["TiedEmbedding"] = [](torch::Dtype dtype) { return wrap(Tied(), {tokens({kRecords, 4}, 9)}, dtype); };
    c["Transformer"] = [](torch::Dtype dtype) { return wrap(Transformer(), {tokens({kRecords, 5}, 11)}, dtype); };
    return c;
  }();
  return all;
}

INSTANTIATE_TEST_SUITE_P(Tape, Oracle, all_strategies(tape_cases()), case_name);

}  // namespace
}  // namespace sotto::optim::testing

// Layers other than linear and convolution ones: transposed convolutions, normalisations, bags, and what lies between
// layers (activations, pooling, padding, resizing, losses), in front of and behind parameters.

#include <gtest/gtest.h>

#include "oracle_suite.h"

namespace sotto::optim::testing {
namespace {

template <class Module>
void randomise(Module& module) {
  torch::NoGradGuard guard;
  for (Tensor& parameter : module->parameters()) parameter.normal_();
}

// A linear layer over the last dimension, then `between`, so that gradients flow through it; and once more behind it.
Factory between(std::vector<int64_t> sizes, std::function<Tensor(const Tensor&)> function) {
  const int64_t features = sizes.back();
  return loose({random({features, features}), random({})}, {random(sizes)},
               [function](auto& p, auto& x) { return function(torch::linear(x[0], p[0])) * p[1]; });
}

// One loss per record: logits from a linear layer.
Factory loss(int64_t classes, Tensor target,
             std::function<Tensor(const Tensor& logits, const Tensor& target)> function) {
  return loose({random({classes, 4}), random({classes})}, {random({kB, 4}), target},
               [function](auto& p, auto& x) { return function(torch::linear(x[0], p[0], p[1]), x[1]); });
}

const Cases& layer_cases() {
  static const Cases all = [] {
    torch::manual_seed(4);
    Cases c;
    // Gradients of a single column, whose stride says nothing.
    c["LinearOneOutputTurned"] = loose({random({1, 4}), random({1})}, {random({kB, 4})}, [](auto& p, auto& x) {
      return torch::linear(x[0], p[0], p[1]).t().contiguous().select(0, 0);
    });
    c["LinearOneOutputInAProduct"] = loose({random({1, 3})}, {random({kB, 5, 3})}, [](auto& p, auto& x) {
      return torch::bmm(torch::linear(x[0], p[0]).transpose(1, 2), x[0]);
    });
    c["ConvTranspose1d"] =
        module([] { return nn::ConvTranspose1d(nn::ConvTranspose1dOptions(3, 4, 3)); }, {random({kB, 3, 5})});
    c["ConvTranspose1dStridePadDilation"] = module(
        [] {
          return nn::ConvTranspose1d(
              nn::ConvTranspose1dOptions(3, 4, 3).stride(2).padding(1).output_padding(1).dilation(2));
        },
        {random({kB, 3, 5})});
    c["ConvTranspose2d"] = module(
        [] {
          return nn::ConvTranspose2d(nn::ConvTranspose2dOptions(3, 2, {2, 3}).stride(2));
        },
        {random({kB, 3, 3, 4})});
    c["ConvTranspose2dGroups"] =
        module([] { return nn::ConvTranspose2d(nn::ConvTranspose2dOptions(4, 6, 3).stride(2).padding(1).groups(2)); },
               {random({kB, 4, 3, 3})});
    c["ConvTranspose3d"] = module(
        [] {
          return nn::ConvTranspose3d(nn::ConvTranspose3dOptions(2, 3, 2).stride({1, 2, 1}).bias(false));
        },
        {random({kB, 2, 2, 3, 2})});
    c["ConvThenTranspose"] = loose({random({3, 2, 3, 3})}, {random({kB, 2, 5, 5})}, [](auto& p, auto& x) {
      return torch::conv_transpose2d(torch::tanh(torch::conv2d(x[0], p[0])), p[0]);
    });
    c["RMSNorm"] = loose({random({5})}, {random({kB, 3, 5})},
                         [](auto& p, auto& x) { return torch::rms_norm(x[0], {5}, p[0], 1e-6); });
    c["RMSNormTwoDimensions"] = loose({random({3, 5})}, {random({kB, 2, 3, 5})}, [](auto& p, auto& x) {
      return torch::rms_norm(x[0], {3, 5}, p[0]);
    });
    c["RMSNormByHand"] = loose({random({5})}, {random({kB, 3, 5})}, [](auto& p, auto& x) {
      return p[0] * x[0] * torch::rsqrt(x[0].pow(2).mean(-1, true) + 1e-6);
    });
    c["InstanceNorm1d"] = module(
        [] {
          nn::InstanceNorm1d m(nn::InstanceNorm1dOptions(3).affine(true));
          randomise(m);
          return m;
        },
        {random({kB, 3, 5})});
    c["InstanceNorm2d"] = module(
        [] {
          nn::InstanceNorm2d m(nn::InstanceNorm2dOptions(3).affine(true));
          randomise(m);
          return m;
        },
        {random({kB, 3, 4, 3})});
    c["InstanceNorm3d"] = module(
        [] {
          nn::InstanceNorm3d m(nn::InstanceNorm3dOptions(2).affine(true));
          randomise(m);
          return m;
        },
        {random({kB, 2, 2, 3, 2})});
    const auto bag = [](auto mode, std::optional<int64_t> padding) {
      return module(
          [=] {
            auto options = nn::EmbeddingBagOptions(6, 3).mode(mode);
            if (padding) options.padding_idx(*padding);
            return nn::EmbeddingBag(options);
          },
          {tokens({kB, 7}, 6)});
    };
    c["EmbeddingBagSum"] = bag(torch::kSum, std::nullopt);
    c["EmbeddingBagMean"] = bag(torch::kMean, std::nullopt);
    c["EmbeddingBagMax"] = bag(torch::kMax, std::nullopt);
    c["EmbeddingBagSumPadded"] = bag(torch::kSum, 2);
    c["EmbeddingBagMeanPadded"] = bag(torch::kMean, 2);
    c["EmbeddingBagMaxPadded"] = bag(torch::kMax, 2);
    c["EmbeddingBagPaddedFromTheEnd"] = loose({random({6, 3})}, {tokens({kB, 7}, 6)}, [](auto& p, auto& x) {
      const Tensor starts = torch::arange(0, x[0].numel(), 7, x[0].options());
      return std::get<0>(torch::embedding_bag(p[0], x[0].flatten(), starts, false, 0, false, {}, false, -1));
    });
    c["EmbeddingBagWeighted"] = loose({random({6, 3})}, {tokens({kB, 4}, 6), random({kB, 4})}, [](auto& p, auto& x) {
      return F::embedding_bag(x[0], p[0], F::EmbeddingBagFuncOptions().mode(torch::kSum).per_sample_weights(x[1]));
    });
    c["EmbeddingBagSeveralPerRecord"] = loose({random({6, 3})}, {tokens({kB, 2, 4}, 6)}, [](auto& p, auto& x) {
      return F::embedding_bag(x[0].flatten(0, 1), p[0], F::EmbeddingBagFuncOptions().mode(torch::kMean))
          .view({-1, 2, 3});
    });
    c["EmbeddingBagTied"] = loose({random({6, 3})}, {tokens({kB, 4}, 6)},
                                  [](auto& p, auto& x) { return torch::linear(F::embedding_bag(x[0], p[0]), p[0]); });
    // Between layers.
    c["SmoothActivations"] = between({kB, 3, 4}, [](const Tensor& x) {
      return torch::softplus(x) + torch::gelu(x, "tanh") + torch::silu(x) + torch::mish(x) + torch::elu(x) +
             torch::selu(x) + torch::celu(x, 0.7) + torch::log_sigmoid(x) + torch::hardswish(x) + torch::leaky_relu(x);
    });
    c["GatedLinearUnit"] = between({kB, 3, 4}, [](const Tensor& x) { return torch::glu(x, -1); });
    c["Softmaxes"] = between({kB, 3, 4}, [](const Tensor& x) {
      return torch::softmax(x, 1) + torch::log_softmax(x, -1) + F::softmin(x, F::SoftminFuncOptions(2)) +
             F::normalize(x, F::NormalizeFuncOptions().dim(2));
    });
    c["Pooling1d"] = between({kB, 2, 6}, [](const Tensor& x) {
      return torch::max_pool1d(x, 2) + torch::avg_pool1d(x, 2) + torch::adaptive_avg_pool1d(x, 3) +
             std::get<0>(torch::adaptive_max_pool1d(x, 3));
    });
    c["Pooling2d"] = between({kB, 2, 4, 4}, [](const Tensor& x) {
      return torch::max_pool2d(x, 2) + torch::avg_pool2d(x, 2) + torch::adaptive_avg_pool2d(x, {2, 2}) +
             std::get<0>(torch::adaptive_max_pool2d(x, {2, 2})) + F::lp_pool2d(x, F::LPPool2dFuncOptions(2.0, {2, 2}));
    });
    c["Pooling3d"] = between({kB, 2, 2, 4, 4}, [](const Tensor& x) {
      return torch::max_pool3d(x, 2) + torch::avg_pool3d(x, 2) + torch::adaptive_avg_pool3d(x, {1, 2, 2}) +
             std::get<0>(torch::adaptive_max_pool3d(x, {1, 2, 2}));
    });
    c["Padding"] = between({kB, 2, 4, 4}, [](const Tensor& x) {
      const auto mode = [](auto of) { return F::PadFuncOptions({1, 1, 1, 1}).mode(of); };
      return F::pad(x, mode(torch::kReflect)) + F::pad(x, mode(torch::kReplicate)) + F::pad(x, mode(torch::kCircular)) +
             F::pad(x, mode(torch::kConstant));
    });
    c["Resizing"] = between({kB, 2, 4, 4}, [](const Tensor& x) {
      const auto to = [](auto mode) {
        return F::InterpolateFuncOptions().size(std::vector<int64_t>{6, 7}).mode(mode).align_corners(false);
      };
      return F::interpolate(x, F::InterpolateFuncOptions().size(std::vector<int64_t>{6, 7})) +
             F::interpolate(x, to(torch::kBilinear)) + F::interpolate(x, to(torch::kBicubic));
    });
    c["PixelShuffle"] = between({kB, 4, 2, 2}, [](const Tensor& x) {
      return torch::pixel_unshuffle(torch::tanh(torch::pixel_shuffle(x, 2)), 2);
    });
    c["UnfoldAndFold"] = between({kB, 2, 4, 4}, [](const Tensor& x) {
      const Tensor patches = torch::im2col(x, {2, 2}, {1, 1}, {0, 0}, {1, 1});
      return torch::col2im(torch::tanh(patches), {4, 4}, {2, 2}, {1, 1}, {0, 0}, {1, 1}) +
             x.unfold(3, 2, 2).sum(-1).sum(3, true);
    });
    c["SortedWithinTheRecord"] = between({kB, 3, 4}, [](const Tensor& x) {
      return std::get<0>(torch::sort(x, 1)).slice(1, 0, 2) + std::get<0>(torch::topk(x, 2, 1)) +
             x.flip({1}).roll({1}, {2}).slice(1, 1) + std::get<0>(torch::cummax(x, 1)).slice(1, 1);
    });
    c["ColumnsPickedByConstants"] = between({kB, 3, 4}, [](const Tensor& x) {
      return x.index({torch::indexing::Slice(), integers(0, 2, x)}) +
             x.index_select(1, integers(1, 3, x)).repeat({1, 1, 1});
    });
    // Losses.
    const Tensor labels = tokens({kB}, 5);
    c["CrossEntropySmoothed"] = loss(5, labels, [](const Tensor& y, const Tensor& t) {
      return F::cross_entropy(y, t, F::CrossEntropyFuncOptions().label_smoothing(0.1).reduction(torch::kNone));
    });
    c["CrossEntropyIgnoring"] = loss(5, labels, [](const Tensor& y, const Tensor& t) {
      return F::cross_entropy(y, t, F::CrossEntropyFuncOptions().ignore_index(2).reduction(torch::kNone));
    });
    c["CrossEntropyWeighted"] = loss(5, labels, [](const Tensor& y, const Tensor& t) {
      const Tensor weight = torch::arange(1, 6, y.options());
      return F::cross_entropy(y, t,
                              F::CrossEntropyFuncOptions().weight(weight).label_smoothing(0.2).reduction(torch::kNone));
    });
    c["CrossEntropyOfProbabilities"] =
        loss(5, torch::softmax(random({kB, 5}), 1), [](const Tensor& y, const Tensor& t) {
          return F::cross_entropy(y, t, F::CrossEntropyFuncOptions().reduction(torch::kNone));
        });
    c["CrossEntropyOfSequences"] =
        loose({random({5, 4})}, {random({kB, 3, 4}), tokens({kB, 3}, 5)}, [](auto& p, auto& x) {
          const Tensor logits = torch::linear(x[0], p[0]).transpose(1, 2);
          return F::cross_entropy(logits, x[1], F::CrossEntropyFuncOptions().ignore_index(0).reduction(torch::kNone));
        });
    c["CrossEntropyOfMergedTokens"] =
        loose({random({5, 4})}, {random({kB, 3, 4}), tokens({kB, 3}, 5)}, [](auto& p, auto& x) {
          const Tensor logits = torch::linear(x[0], p[0]).view({-1, 5});
          return F::cross_entropy(logits, x[1].view({-1}), F::CrossEntropyFuncOptions().reduction(torch::kNone))
              .view({-1, 3});
        });
    c["RegressionLosses"] = loss(3, random({kB, 3}), [](const Tensor& y, const Tensor& t) {
      return torch::mse_loss(y, t, at::Reduction::None) + torch::l1_loss(y, t, at::Reduction::None) +
             torch::smooth_l1_loss(y, t, at::Reduction::None, 0.5) + torch::huber_loss(y, t, at::Reduction::None, 0.7);
    });
    c["BinaryLosses"] = loss(3, torch::rand({kB, 3}, torch::kDouble), [](const Tensor& y, const Tensor& t) {
      return torch::binary_cross_entropy_with_logits(y, t, {}, {}, at::Reduction::None) +
             torch::binary_cross_entropy(torch::sigmoid(y), t, {}, at::Reduction::None) +
             torch::soft_margin_loss(y, t * 2 - 1, at::Reduction::None);
    });
    c["DivergenceLoss"] = loss(5, torch::softmax(random({kB, 5}), 1), [](const Tensor& y, const Tensor& t) {
      return torch::kl_div(torch::log_softmax(y, 1), t, at::Reduction::None);
    });
    c["TripletLoss"] =
        loose({random({3, 4})}, {random({kB, 4}), random({kB, 4}), random({kB, 4})}, [](auto& p, auto& x) {
          return torch::triplet_margin_loss(torch::linear(x[0], p[0]), torch::linear(x[1], p[0]),
                                            torch::linear(x[2], p[0]), 1.0, 2.0, 1e-6, false, at::Reduction::None);
        });
    return c;
  }();
  return all;
}

INSTANTIATE_TEST_SUITE_P(Layers, Oracle, keep_and_drop(layer_cases()), case_name);

}  // namespace
}  // namespace sotto::optim::testing

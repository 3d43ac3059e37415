#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/models/vit.h>
#include <sotto/privacy/error.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <algorithm>
#include <cmath>

namespace sotto::models {
namespace {

namespace nn = torch::nn;

constexpr double kNormEpsilon = 1e-6;
constexpr double kTokenDeviation = 0.02;

nn::LayerNorm layer_norm(int64_t width) {
  return nn::LayerNorm(nn::LayerNormOptions({width}).eps(kNormEpsilon));
}

class Layer : public nn::Module {
 public:
  explicit Layer(const VitOptions& o) : heads_(o.heads) {
    norm1_ = register_module("norm1", layer_norm(o.width));
    attention_ = register_module("attention", nn::Linear(o.width, 3 * o.width));
    projection_ = register_module("projection", nn::Linear(o.width, o.width));
    norm2_ = register_module("norm2", layer_norm(o.width));
    linear1_ = register_module("linear1", nn::Linear(o.width, 4 * o.width));
    linear2_ = register_module("linear2", nn::Linear(4 * o.width, o.width));
  }

  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor y = x + attend(norm1_->forward(x));
    return y + linear2_->forward(at::gelu(linear1_->forward(norm2_->forward(y))));
  }

 private:
  at::Tensor attend(const at::Tensor& x) {
    const int64_t batch = x.size(0), tokens = x.size(1), width = x.size(2), each = width / heads_;
    // [batch, tokens, 3, heads, each] -> [batch, heads, tokens, each] of queries, keys and values
    const at::Tensor parts = attention_->forward(x).view({batch, tokens, 3, heads_, each});
    const auto part = [&](int64_t i) { return parts.select(2, i).transpose(1, 2); };
    const at::Tensor scores = at::matmul(part(0), part(1).transpose(2, 3)) / std::sqrt(static_cast<double>(each));
    const at::Tensor mixed = at::matmul(at::softmax(scores, -1), part(2));
    return projection_->forward(mixed.transpose(1, 2).reshape({batch, tokens, width}));
  }

  int64_t heads_;
  nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  nn::Linear attention_{nullptr}, projection_{nullptr}, linear1_{nullptr}, linear2_{nullptr};
};

class Vit : public VisionModel {
 public:
  Vit(const ImageShape& shape, const VitOptions& o) {
    const int64_t patches = (shape.height / o.patch) * (shape.width / o.patch);
    patches_ =
        register_module("patches", nn::Conv2d(nn::Conv2dOptions(shape.channels, o.width, o.patch).stride(o.patch)));
    class_token_ = register_parameter("class_token", at::zeros({1, 1, o.width}));
    positions_ = register_parameter("positions", at::zeros({1, patches + 1, o.width}));
    nn::init::normal_(class_token_, 0, kTokenDeviation);
    nn::init::normal_(positions_, 0, kTokenDeviation);
    for (int64_t i = 0; i < o.layers; ++i)
      layers_.push_back(register_module(fmt::format("layer{}", i + 1), std::make_shared<Layer>(o)));
    norm_ = register_module("norm", layer_norm(o.width));
    linear_ = register_module("linear", nn::Linear(o.width, shape.classes));
  }

  at::Tensor forward(const at::Tensor& pictures) override {
    const at::Tensor patches = patches_->forward(pictures).flatten(2).transpose(1, 2);  // [batch, patches, width]
    // The class token comes first: a row of zeros, to which it is added together with its position.
    const at::Tensor first = at::constant_pad_nd(class_token_, {0, 0, 0, patches.size(1)});
    at::Tensor x = at::constant_pad_nd(patches, {0, 0, 1, 0}) + (positions_ + first);
    for (const auto& layer : layers_) x = layer->forward(x);
    return linear_->forward(norm_->forward(x).select(1, 0));
  }

 private:
  nn::Conv2d patches_{nullptr};
  at::Tensor class_token_, positions_;
  std::vector<std::shared_ptr<Layer>> layers_;
  nn::LayerNorm norm_{nullptr};
  nn::Linear linear_{nullptr};
};

}  // namespace

std::shared_ptr<VisionModel> make_vit(const ImageShape& shape, const VitOptions& options) {
  check(shape);
  const auto [patch, width, heads, layers] = options;
  if (patch < 1 || shape.height % patch != 0 || shape.width % patch != 0)
    throw UsageError(fmt::format("[make_vit] patches of {} for pictures of {} x {}; the patch must divide both sides",
                                 patch, shape.height, shape.width));
  if (heads < 1 || width < 1 || width % heads != 0 || layers < 1)
    throw UsageError(
        fmt::format("[make_vit] width {}, {} heads, {} layers; all must be at least 1 and the heads divide the width",
                    width, heads, layers));
  return std::make_shared<Vit>(shape, options);
}

std::shared_ptr<VisionModel> make_vit_tiny(const ImageShape& shape) {
  constexpr int64_t kSmall = 64, kLargePatch = 16;
  VitOptions options;
  const bool divides = shape.height % kLargePatch == 0 && shape.width % kLargePatch == 0;
  if (divides && std::max(shape.height, shape.width) >= kSmall) options.patch = kLargePatch;
  return make_vit(shape, options);
}

}  // namespace sotto::models

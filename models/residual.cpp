#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/relu.h>
#include <fmt/format.h>
#include <sotto/models/residual.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

namespace sotto::models {
namespace {

namespace nn = torch::nn;

constexpr double kStandardisationEpsilon = 1e-4;

nn::Conv2d convolution(int64_t inputs, int64_t outputs, int64_t size, int64_t stride) {
  return nn::Conv2d(nn::Conv2dOptions(inputs, outputs, size).stride(stride).padding(size / 2).bias(false));
}

at::Tensor standardised(const nn::Conv2d& layer, const at::Tensor& x) {
  const int64_t padding = layer->weight.size(-1) / 2, stride = layer->options.stride()->at(0);
  return at::conv2d(x, standardised_weight(layer->weight), {}, {stride, stride}, {padding, padding});
}

class BasicBlock : public nn::Module {
 public:
  BasicBlock(int64_t inputs, int64_t outputs, int64_t stride) : added_(outputs - inputs), stride_(stride) {
    conv1_ = register_module("conv1", convolution(inputs, outputs, 3, stride));
    norm1_ = register_module("norm1", nn::GroupNorm(outputs / kGroup, outputs));
    conv2_ = register_module("conv2", convolution(outputs, outputs, 3, 1));
    norm2_ = register_module("norm2", nn::GroupNorm(outputs / kGroup, outputs));
  }

  at::Tensor forward(const at::Tensor& x) {
    at::Tensor shortcut = x;
    if (stride_ > 1) shortcut = x.slice(2, 0, x.size(2), stride_).slice(3, 0, x.size(3), stride_);
    if (added_ > 0) shortcut = at::constant_pad_nd(shortcut, {0, 0, 0, 0, added_ / 2, added_ - added_ / 2});
    const at::Tensor y = at::relu(norm1_->forward(conv1_->forward(x)));
    return at::relu(norm2_->forward(conv2_->forward(y)) + shortcut);
  }

  static constexpr int64_t kGroup = 4;

 private:
  int64_t added_, stride_;
  nn::Conv2d conv1_{nullptr}, conv2_{nullptr};
  nn::GroupNorm norm1_{nullptr}, norm2_{nullptr};
};

class ResNet20 : public VisionModel {
 public:
  explicit ResNet20(const ImageShape& shape) {
    constexpr int64_t kFirst = 16, kStages = 3, kBlocks = 3;
    conv_ = register_module("conv", convolution(shape.channels, kFirst, 3, 1));
    norm_ = register_module("norm", nn::GroupNorm(kFirst / BasicBlock::kGroup, kFirst));
    int64_t channels = kFirst;
    for (int64_t stage = 0; stage < kStages; ++stage) {
      for (int64_t block = 0; block < kBlocks; ++block) {
        const int64_t outputs = kFirst << stage;
        blocks_.push_back(register_module(fmt::format("stage{}_block{}", stage + 1, block + 1),
                                          std::make_shared<BasicBlock>(channels, outputs, outputs > channels ? 2 : 1)));
        channels = outputs;
      }
    }
    linear_ = register_module("linear", nn::Linear(channels, shape.classes));
  }

  at::Tensor forward(const at::Tensor& pictures) override {
    at::Tensor x = at::relu(norm_->forward(conv_->forward(pictures)));
    for (const auto& block : blocks_) x = block->forward(x);
    return linear_->forward(x.mean({2, 3}));
  }

 private:
  nn::Conv2d conv_{nullptr};
  nn::GroupNorm norm_{nullptr};
  std::vector<std::shared_ptr<BasicBlock>> blocks_;
  nn::Linear linear_{nullptr};
};

class WideBlock : public nn::Module {
 public:
  WideBlock(int64_t inputs, int64_t outputs, int64_t stride) {
    norm1_ = register_module("norm1", nn::GroupNorm(kGroups, inputs));
    conv1_ = register_module("conv1", convolution(inputs, outputs, 3, stride));
    norm2_ = register_module("norm2", nn::GroupNorm(kGroups, outputs));
    conv2_ = register_module("conv2", convolution(outputs, outputs, 3, 1));
    if (inputs != outputs) shortcut_ = register_module("shortcut", convolution(inputs, outputs, 1, stride));
  }

  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor active = at::relu(norm1_->forward(x));
    const at::Tensor y = standardised(conv2_, at::relu(norm2_->forward(standardised(conv1_, active))));
    return y + (shortcut_.is_empty() ? x : standardised(shortcut_, active));
  }

  static constexpr int64_t kGroups = 16;

 private:
  nn::GroupNorm norm1_{nullptr}, norm2_{nullptr};
  nn::Conv2d conv1_{nullptr}, conv2_{nullptr}, shortcut_{nullptr};
};

class WideResNet : public VisionModel {
 public:
  explicit WideResNet(const ImageShape& shape) {
    constexpr int64_t kFirst = 16, kWidening = 4, kStages = 3, kBlocks = 2;
    conv_ = register_module("conv", convolution(shape.channels, kFirst, 3, 1));
    int64_t channels = kFirst;
    for (int64_t stage = 0; stage < kStages; ++stage) {
      for (int64_t block = 0; block < kBlocks; ++block) {
        const int64_t stride = stage > 0 && block == 0 ? 2 : 1, outputs = (kFirst * kWidening) << stage;
        blocks_.push_back(register_module(fmt::format("stage{}_block{}", stage + 1, block + 1),
                                          std::make_shared<WideBlock>(channels, outputs, stride)));
        channels = outputs;
      }
    }
    norm_ = register_module("norm", nn::GroupNorm(WideBlock::kGroups, channels));
    linear_ = register_module("linear", nn::Linear(channels, shape.classes));
  }

  at::Tensor forward(const at::Tensor& pictures) override {
    at::Tensor x = standardised(conv_, pictures);
    for (const auto& block : blocks_) x = block->forward(x);
    return linear_->forward(at::relu(norm_->forward(x)).mean({2, 3}));
  }

 private:
  nn::Conv2d conv_{nullptr};
  std::vector<std::shared_ptr<WideBlock>> blocks_;
  nn::GroupNorm norm_{nullptr};
  nn::Linear linear_{nullptr};
};

}  // namespace

at::Tensor standardised_weight(const at::Tensor& weight) {
  const at::Tensor rows = weight.flatten(1);
  const at::Tensor centred = rows - rows.mean({1}, true);
  const at::Tensor scale = (centred.square().sum({1}, true) + kStandardisationEpsilon).sqrt();
  return (centred / scale).view(weight.sizes());
}

std::shared_ptr<VisionModel> make_resnet20(const ImageShape& shape) {
  check(shape);
  return std::make_shared<ResNet20>(shape);
}

std::shared_ptr<VisionModel> make_wide_resnet(const ImageShape& shape) {
  check(shape);
  return std::make_shared<WideResNet>(shape);
}

}  // namespace sotto::models

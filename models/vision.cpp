#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/residual.h>
#include <sotto/models/scattering_linear.h>
#include <sotto/models/vision.h>
#include <sotto/models/vit.h>
#include <sotto/privacy/error.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <array>

namespace sotto::models {

void check(const ImageShape& shape) {
  if (shape.height < 1 || shape.width < 1 || shape.classes < 2 || shape.channels < 1) {
    throw UsageError(
        fmt::format("[VisionModel] pictures of {} x {} x {} with {} classes; sizes must be at least 1 and "
                    "classes at least 2",
                    shape.channels, shape.height, shape.width, shape.classes));
  }
}

namespace {

constexpr int64_t after(int64_t size, int64_t kernel, int64_t stride, int64_t padding) {
  const int64_t room = size + 2 * padding - kernel;
  return room < 0 ? 0 : room / stride + 1;
}

class Cnn : public VisionModel {
 public:
  explicit Cnn(const ImageShape& shape) {
    const int64_t positions = features(shape.height) * features(shape.width);
    if (positions == 0) {
      throw UsageError(
          fmt::format("[make_cnn] pictures of {} x {} are too small for this network; the least is {} x {}",
                      shape.height, shape.width, least_size(), least_size()));
    }
    using torch::nn::Conv2d, torch::nn::Conv2dOptions, torch::nn::Linear;
    conv1_ = register_module("conv1", Conv2d(Conv2dOptions(shape.channels, kFirst, 8).stride(2).padding(2)));
    conv2_ = register_module("conv2", Conv2d(Conv2dOptions(kFirst, kSecond, 4).stride(2)));
    linear1_ = register_module("linear1", Linear(kSecond * positions, kHidden));
    linear2_ = register_module("linear2", Linear(kHidden, shape.classes));
  }

  at::Tensor forward(const at::Tensor& pictures) override {
    at::Tensor x = at::max_pool2d(at::tanh(conv1_->forward(pictures)), {2, 2}, {1, 1});
    x = at::max_pool2d(at::tanh(conv2_->forward(x)), {2, 2}, {1, 1});
    return linear2_->forward(at::tanh(linear1_->forward(x.flatten(1))));
  }

 private:
  static constexpr int64_t kFirst = 16, kSecond = 32, kHidden = 32;
  // The size that reaches the first linear layer.
  static constexpr int64_t features(int64_t size) {
    return after(after(after(after(size, 8, 2, 2), 2, 1, 0), 4, 2, 0), 2, 1, 0);
  }
  static constexpr int64_t least_size() {
    int64_t size = 1;
    while (features(size) == 0) ++size;
    return size;
  }
  torch::nn::Conv2d conv1_{nullptr}, conv2_{nullptr};
  torch::nn::Linear linear1_{nullptr}, linear2_{nullptr};
};

class Mlp : public VisionModel {
 public:
  Mlp(const ImageShape& shape, const std::vector<int64_t>& hidden) {
    int64_t inputs = shape.channels * shape.height * shape.width;
    std::vector<int64_t> sizes = hidden;
    sizes.push_back(shape.classes);
    for (const int64_t outputs : sizes) {
      if (outputs < 1) throw UsageError(fmt::format("[make_mlp] a layer of {} units; the least is 1", outputs));
      const std::string name = fmt::format("linear{}", layers_.size() + 1);
      layers_.push_back(register_module(name, torch::nn::Linear(inputs, outputs)));
      inputs = outputs;
    }
  }

  at::Tensor forward(const at::Tensor& pictures) override {
    at::Tensor x = pictures.flatten(1);
    for (size_t i = 0; i < layers_.size(); ++i) {
      x = layers_[i]->forward(x);
      if (i + 1 < layers_.size()) x = at::relu(x);
    }
    return x;
  }

 private:
  std::vector<torch::nn::Linear> layers_;
};

}  // namespace

std::shared_ptr<VisionModel> make_cnn(const ImageShape& shape) {
  check(shape);
  return std::make_shared<Cnn>(shape);
}

std::shared_ptr<VisionModel> make_mlp(const ImageShape& shape, const std::vector<int64_t>& hidden) {
  check(shape);
  return std::make_shared<Mlp>(shape, hidden);
}

std::span<const std::string_view> vision_models() {
  static constexpr std::array<std::string_view, 6> names = {
      "cnn", "mlp", "resnet20", "scattering-linear", "vit-tiny", "wide-resnet-16-4"};
  return names;
}

std::shared_ptr<VisionModel> make_vision_model(std::string_view name, const ImageShape& shape) {
  if (name == "cnn") return make_cnn(shape);
  if (name == "mlp") return make_mlp(shape);
  if (name == "resnet20") return make_resnet20(shape);
  if (name == "scattering-linear") return make_scattering_linear(shape);
  if (name == "vit-tiny") return make_vit_tiny(shape);
  if (name == "wide-resnet-16-4") return make_wide_resnet(shape);
  throw UsageError(
      fmt::format("[make_vision_model] unknown model: '{}'; known: {}", name, fmt::join(vision_models(), ", ")));
}

}  // namespace sotto::models

#include <ATen/TensorOperators.h>
#include <ATen/ops/group_norm.h>
#include <sotto/models/scattering.h>
#include <sotto/models/scattering_linear.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>

namespace sotto::models {
namespace {

constexpr int64_t kChannelsPerGroup = 3;

class ScatteringLinear : public VisionModel {
 public:
  explicit ScatteringLinear(const ImageShape& shape)
      : scattering_({.height = shape.height, .width = shape.width}),
        channels_(shape.channels * scattering_.channels()) {
    const int64_t inputs = channels_ * scattering_.out_height() * scattering_.out_width();
    linear_ = register_module("linear", torch::nn::Linear(inputs, shape.classes));
    torch::nn::init::zeros_(linear_->weight);
    torch::nn::init::zeros_(linear_->bias);
  }

  at::Tensor prepare(const at::Tensor& pictures) const override {
    const at::Tensor features = scattering_.transform(((pictures + 1) / 2).flatten(0, 1));
    return at::group_norm(
        features.reshape({pictures.size(0), channels_, scattering_.out_height(), scattering_.out_width()}),
        channels_ / kChannelsPerGroup);
  }
  bool prepares() const override { return true; }

  at::Tensor forward(const at::Tensor& features) override { return linear_->forward(features.flatten(1)); }

 private:
  Scattering scattering_;
  int64_t channels_;
  torch::nn::Linear linear_{nullptr};
};

}  // namespace

std::shared_ptr<VisionModel> make_scattering_linear(const ImageShape& shape) {
  check(shape);
  return std::make_shared<ScatteringLinear>(shape);
}

}  // namespace sotto::models

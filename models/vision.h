#pragma once
// Small networks for grey pictures, without batch normalisation: every record's loss depends on that record alone.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::models {

struct ImageShape {
  int64_t height = 0;   // >= 1
  int64_t width = 0;    // >= 1
  int64_t classes = 0;  // >= 2
};

// Pictures [batch, 1, height, width] -> logits [batch, classes].
class VisionModel : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const at::Tensor& pictures) = 0;
};

// The network of Tramer and Boneh, "Differentially Private Learning Needs Better Features", ICLR 2021, for MNIST and
// Fashion-MNIST; 26,010 parameters at 28 x 28 with 10 classes:
//   conv 16 @ 8x8 stride 2 padding 2, tanh, max-pool 2x2 stride 1,
//   conv 32 @ 4x4 stride 2, tanh, max-pool 2x2 stride 1, linear to 32, tanh, linear to the classes.
// Throws UsageError when the pictures are too small for it or a size is out of range.
std::shared_ptr<VisionModel> make_cnn(const ImageShape& shape);

// Linear layers with ReLU between them, from height * width through `hidden` to the classes.
std::shared_ptr<VisionModel> make_mlp(const ImageShape& shape, const std::vector<int64_t>& hidden = {1024, 1024});

// "cnn" or "mlp" with its default sizes. Throws UsageError for another name.
std::shared_ptr<VisionModel> make_vision_model(std::string_view name, const ImageShape& shape);

}  // namespace sotto::models

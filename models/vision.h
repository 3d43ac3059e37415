#pragma once
// Networks for pictures, without batch normalisation: every record's loss depends on that record alone.

#include <sotto/models/network.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::models {

struct ImageShape {
  int64_t height = 0;    // >= 1
  int64_t width = 0;     // >= 1
  int64_t classes = 0;   // >= 2
  int64_t channels = 1;  // >= 1
};

// Throws UsageError for a size out of range.
void check(const ImageShape& shape);

// As network.h has it: prepare(pictures) [batch, ...] -> logits [batch, classes], from pictures [batch, channels,
// height, width] with values from -1 to 1.
using VisionModel = Network;

// The network of Tramer and Boneh, "Differentially Private Learning Needs Better Features", ICLR 2021, for MNIST and
// Fashion-MNIST; 26,010 parameters at 28 x 28 with one channel and 10 classes:
//   conv 16 @ 8x8 stride 2 padding 2, tanh, max-pool 2x2 stride 1,
//   conv 32 @ 4x4 stride 2, tanh, max-pool 2x2 stride 1, linear to 32, tanh, linear to the classes.
// Throws UsageError when the pictures are too small for it or a size is out of range.
std::shared_ptr<VisionModel> make_cnn(const ImageShape& shape);

// Linear layers with ReLU between them, from channels * height * width through `hidden` to the classes. Takes inputs of
// any rank with as many numbers, so that rows [batch, n] go into the network made for 1 x 1 x n.
std::shared_ptr<VisionModel> make_mlp(const ImageShape& shape, const std::vector<int64_t>& hidden = {1024, 1024});

// The names of make_vision_model: cnn, mlp, resnet20, scattering-linear, vit-tiny, wide-resnet-16-4.
std::span<const std::string_view> vision_models();

// One of these with its default sizes. Throws UsageError for another name, or a shape that it does not take.
std::shared_ptr<VisionModel> make_vision_model(std::string_view name, const ImageShape& shape);

}  // namespace sotto::models

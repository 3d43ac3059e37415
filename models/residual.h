#pragma once
// Residual networks with group normalisation, whose statistics are those of one picture.

#include <sotto/models/vision.h>

#include <cstdint>

namespace sotto::models {

// ResNet-20 of He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2: 3x3 convolutions
// without bias, 3 stages of 3 blocks with 16, 32, 64 channels, shortcuts without parameters (every second pixel, zeros
// for the new channels), mean over the picture, linear. Group normalisation with 4 channels a group takes the place of
// batch normalisation; the number of parameters stays: 269,722 at 3 channels and 10 classes.
std::shared_ptr<VisionModel> make_resnet20(const ImageShape& shape);

// Wide ResNet 16-4 of Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016, in the private form of De et al.,
// "Unlocking High-Accuracy Differentially Private Image Classification through Scale", 2022: norm, ReLU, 3x3
// convolution, twice a block; 3 stages of 2 blocks with 64, 128, 256 channels; group normalisation with 16 groups;
// every convolution uses its standardised weight (standardised_weight). 2,748,890 parameters at 3 channels and 10
// classes.
std::shared_ptr<VisionModel> make_wide_resnet(const ImageShape& shape);

// Weight standardisation (Qiao et al., 2019): for each output o of a weight [out, ...] with n = numel / out entries,
// (w_o - mean(w_o)) / sqrt(n var(w_o) + 1e-4). A function of the weight alone; a constant filter gives zeros.
at::Tensor standardised_weight(const at::Tensor& weight);

}  // namespace sotto::models

#pragma once
// A linear classifier on scattering features.

#include <sotto/models/vision.h>

#include <cstdint>

namespace sotto::models {

// "ScatterNet + linear" of Tramer and Boneh, "Differentially Private Learning Needs Better Features", ICLR 2021:
// prepare() computes the scattering transform (scattering.h; J = 2, L = 8, pixels from 0 to 1) of every channel and
// group-normalises it picture by picture, without parameters: groups of 3 of the 81 channels, [batch, 81 * channels, h,
// w]; forward() is one linear layer, zero at the start. 39,700 parameters at 28 x 28 with one channel and 10 classes.
// Throws UsageError for pictures below 5 x 5.
std::shared_ptr<VisionModel> make_scattering_linear(const ImageShape& shape);

}  // namespace sotto::models

#pragma once
// Pictures and labels as tensors, for training and for measuring accuracy.

#include <ATen/core/Tensor.h>
#include <sotto/data/idx.h>
#include <sotto/models/vision.h>
#include <sotto/optim/records.h>

#include <cstdint>

namespace sotto::tools {

struct ImageTensors {
  at::Tensor pixels;  // [records, channels, height, width], bytes; or what the model's prepare() made of them, floats
  at::Tensor labels;  // [records], int64
};

ImageTensors image_tensors(const data::LabelledImages& images);

// Bytes -> float, by the public constants of kPixelScaling in training_plan.h; floats are prepared and stay.
at::Tensor scaled(const at::Tensor& pixels);

// Replaces the pixels by what the model makes of them once; nothing happens where it prepares nothing.
void prepare(const models::VisionModel& model, ImageTensors& images);

// Each fetch gives scaled pictures and labels.
optim::Records image_records(ImageTensors images);

// How many of the records get the right label.
int64_t count_correct(models::VisionModel& model, const ImageTensors& images);

}  // namespace sotto::tools

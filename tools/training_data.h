#pragma once
// The files of a run as tensors.

#include <sotto/tools/image_tensors.h>
#include <sotto/tools/training_plan.h>

#include <optional>

namespace sotto::tools {

// The preset's or the user's training files. Throws DataError when they cannot be read or are not what they should be.
ImageTensors read_training_data(const TrainOptions& options, const TrainingPlan& plan);

// The user's test files, or else those of the preset; nothing when there are none. Throws DataError.
std::optional<ImageTensors> read_test_data(const TrainOptions& options, const TrainingPlan& plan);

models::ImageShape image_shape(const ImageTensors& images, const TrainingPlan& plan);

}  // namespace sotto::tools

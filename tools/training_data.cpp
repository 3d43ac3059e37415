#include <sotto/data/dataset.h>
#include <sotto/tools/training_data.h>

namespace sotto::tools {
namespace {

ImageTensors preset_data(const TrainOptions& options, data::Split split) {
  const data::ImagePreset& preset = data::image_preset(options.dataset);
  return image_tensors(data::read_dataset(preset, split, data::find_dataset(preset, data::data_folders())));
}

ImageTensors own_data(const std::string& images, const std::string& labels, const TrainingPlan& plan) {
  return image_tensors(data::read_labelled_images(images, labels, static_cast<int>(plan.classes)));
}

}  // namespace

ImageTensors read_training_data(const TrainOptions& options, const TrainingPlan& plan) {
  if (!options.dataset.empty()) return preset_data(options, data::Split::train);
  return own_data(options.train_images, options.train_labels, plan);
}

std::optional<ImageTensors> read_test_data(const TrainOptions& options, const TrainingPlan& plan) {
  if (!options.test_images.empty()) return own_data(options.test_images, options.test_labels, plan);
  if (!options.dataset.empty()) return preset_data(options, data::Split::test);
  return std::nullopt;
}

models::ImageShape image_shape(const ImageTensors& images, const TrainingPlan& plan) {
  return {.height = images.pixels.size(2),
          .width = images.pixels.size(3),
          .classes = plan.classes,
          .channels = images.pixels.size(1)};
}

}  // namespace sotto::tools

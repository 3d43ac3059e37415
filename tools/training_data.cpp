#include <fmt/format.h>
#include <sotto/data/dataset.h>
#include <sotto/models/script_model.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/training_data.h>

namespace sotto::tools {
namespace {

RecordTensors preset_data(const TrainOptions& options, data::Split split) {
  const data::ImagePreset& preset = data::image_preset(options.dataset);
  return record_tensors(data::read_dataset(preset, split, data::find_dataset(preset, data::data_folders())));
}

RecordTensors own_data(const std::string& images, const std::string& labels, const TrainingPlan& plan) {
  if (plan.input_type.tokens)
    return record_tensors(data::read_labelled_sequences(images, labels, plan.input_type.vocabulary, plan.classes));
  return record_tensors(data::read_labelled_images(images, labels, static_cast<int>(plan.classes)));
}

std::string checked_bytes(const std::filesystem::path& path, const TrainOptions& options) {
  std::string bytes = models::read_model_file(path);
  const std::string hash = privacy::sha256_hex(bytes);
  if (!options.model_sha256.empty() && hash != options.model_sha256)
    throw DataError(
        fmt::format("[--model-sha256] {} has the SHA-256 {}; must be {}", path.string(), hash, options.model_sha256));
  return bytes;
}

}  // namespace

std::string given_model_bytes(const TrainOptions& options) {
  return names_model_file(options.model) ? checked_bytes(options.model, options) : std::string();
}

std::string run_model_bytes(const RunFolder& folder, const TrainOptions& options) {
  return names_model_file(options.model) ? checked_bytes(folder.graph(), options) : std::string();
}

RecordTensors read_training_data(const TrainOptions& options, const TrainingPlan& plan) {
  if (!options.dataset.empty()) return preset_data(options, data::Split::train);
  return own_data(options.train_images, options.train_labels, plan);
}

std::optional<RecordTensors> read_test_data(const TrainOptions& options, const TrainingPlan& plan) {
  if (!options.test_images.empty()) return own_data(options.test_images, options.test_labels, plan);
  if (!options.dataset.empty()) return preset_data(options, data::Split::test);
  return std::nullopt;
}

RecordShape record_shape(const RecordTensors& records, const TrainingPlan& plan) {
  return {.sizes = records.inputs.sizes().slice(1).vec(),
          .type = plan.input_type,
          .label_sizes = records.labels.sizes().slice(1).vec(),
          .classes = plan.classes};
}

}  // namespace sotto::tools

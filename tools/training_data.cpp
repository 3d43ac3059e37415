#include <fmt/format.h>
#include <sotto/data/csv_table.h>
#include <sotto/data/dataset.h>
#include <sotto/data/image_folder.h>
#include <sotto/models/script_file.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/training_data.h>

namespace sotto::tools {
namespace {

RecordTensors preset_data(const TrainOptions& options, data::Split split) {
  const data::ImagePreset& preset = data::image_preset(options.dataset);
  return record_tensors(data::read_dataset(preset, split, data::find_dataset(preset, data::data_folders())));
}

struct Files {
  const std::string &images, &labels, &table;
};

RecordTensors own_data(const Files& files, const DeclaredData& data) {
  if (data.kind == DeclaredData::Kind::table) return record_tensors(data::read_csv_table(files.table, data.schema));
  if (data.kind == DeclaredData::Kind::folder)
    return record_tensors(data::read_image_folder(files.images, {.shape = data.picture, .classes = data.class_names}));
  if (data.input_type.tokens)
    return record_tensors(
        data::read_labelled_sequences(files.images, files.labels, data.input_type.vocabulary, data.classes));
  return record_tensors(data::read_labelled_images(files.images, files.labels, static_cast<int>(data.classes)));
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
  return own_data({options.train_images, options.train_labels, options.train_table}, plan.data);
}

std::optional<RecordTensors> read_test_data(const TrainOptions& options, const TrainingPlan& plan) {
  if (!options.test_images.empty() || !options.test_table.empty())
    return own_data({options.test_images, options.test_labels, options.test_table}, plan.data);
  if (!options.dataset.empty()) return preset_data(options, data::Split::test);
  return std::nullopt;
}

RecordShape record_shape(const RecordTensors& records, const TrainingPlan& plan) {
  return {.sizes = records.inputs.sizes().slice(1).vec(),
          .type = plan.data.input_type,
          .label_sizes = records.labels.sizes().slice(1).vec(),
          .classes = plan.data.classes};
}

}  // namespace sotto::tools

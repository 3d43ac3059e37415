#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/bert.h>
#include <sotto/models/module_state.h>
#include <sotto/models/peft_adapter.h>
#include <sotto/models/python_readme.h>
#include <sotto/models/script_file.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/atomic_folder.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/certificates.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/import_model.h>
#include <sotto/tools/model_folder.h>
#include <sotto/tools/published_folder.h>
#include <sotto/tools/text_source.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace sotto::tools {
namespace {

using Path = std::filesystem::path;
using Tensors = std::vector<models::NamedTensor>;

struct Imported {
  const char* form;
  TextSource source;
  Tensors tensors = {};
  std::vector<std::string> left_out = {};  // tensors of the file that are no part of the encoder
  std::optional<models::PeftHead> head = {};
  std::string base_model = {};  // as an adapter names it
  std::vector<Path> licence = {};
  Certificates certificates = {};
};

TextSource source_of(const Path& tokenizer, const Path& config) {
  return {.tokenizer = data::read_word_piece(tokenizer), .tokenizer_file = tokenizer, .config = config};
}

Imported import_adapter(const ImportOptions& options) {
  const Path folder = options.from, base = text_model_folder(options.base);
  std::error_code ignored;
  if (!std::filesystem::exists(folder / "adapter_config.json", ignored))
    throw DataError(
        fmt::format("[import] {} holds no adapter_config.json; a folder must be an adapter of PEFT, and a "
                    "file of weights is named itself",
                    folder.string()));
  Imported result{.form = "peft", .source = source_of(data::tokenizer_file(base), base / "config.json")};
  result.head = models::read_peft_head(folder);
  models::TextClassifierOptions sizes{.bert = published_sizes(result.source, "--base", base / "model.safetensors")};
  if (result.head) {
    sizes.outputs = result.head->outputs;
    sizes.pooling = result.head->pooling;
  }
  models::TextClassifier model(sizes);
  const auto weights = models::SafetensorsFile::read(base / "model.safetensors");
  models::load_encoder((base / "model.safetensors").string(), models::tensors_of(weights), *model);
  const models::PeftAdapter adapter =
      result.head ? models::read_peft_adapter(folder, *model) : models::read_peft_factors(folder, *model);
  adapter.lora->merge();
  result.base_model = adapter.base_model;
  result.tensors = result.head ? models::merged_parameters(*model) : models::merged_parameters(*model->bert);
  result.licence = licence_files(base);
  // Of a run here the adapter tells of its base too.
  const Path head = folder / "classifier.safetensors";
  const Certificates own = result.head ? weights_certificates(head, models::SafetensorsFile::read(head).metadata())
                                       : folder_certificates(folder);
  result.certificates = merged(own, as_base(weights_certificates(base / "model.safetensors", weights.metadata())));
  return result;
}

Tensors script_tensors(const std::string& bytes, const Path& file) {
  const torch::jit::Module module = models::load_script(bytes, file.string(), "import");
  Tensors result;
  for (const auto& named : module.named_parameters()) result.push_back({named.name, named.value});
  for (const auto& named : module.named_buffers()) result.push_back({named.name, named.value});
  return result;
}

// Names of normalisations as files of TensorFlow's time have them.
std::string of_today(const std::string& name) {
  for (const auto& [old, now] : {std::pair{"LayerNorm.gamma", "weight"}, {"LayerNorm.beta", "bias"}})
    if (name.ends_with(old)) return name.substr(0, name.rfind('.') + 1) + now;
  return name;
}

Imported import_file(const ImportOptions& options) {
  const Path file = options.from;
  const bool script = file.extension() != ".safetensors";
  Imported result{.form = script ? "torchscript" : "safetensors",
                  .source = source_of(options.tokenizer, options.config)};
  const std::string bytes = script ? models::read_model_file(file, "import") : "";
  Tensors stored;
  if (script) {
    stored = script_tensors(bytes, file);
    result.certificates = script_certificates(bytes, file);
  } else {
    const auto weights = models::SafetensorsFile::read(file);
    stored = models::tensors_of(weights);
    result.certificates = weights_certificates(file, weights.metadata());
  }
  const models::Bert bert(published_sizes(result.source, "import", file));
  for (models::NamedTensor& named : stored) named.name = of_today(named.name);
  result.tensors = models::module_parameters(*bert);
  result.left_out = models::load_published(file.string(), stored, result.tensors, models::published_bert_names());
  result.licence = licence_files(file.parent_path());
  return result;
}

void write(const Imported& imported, const Path& folder) {
  models::Metadata metadata = {{"format", "pt"}};
  if (any_not_private(imported.certificates)) metadata["privacy"] = "NOT PRIVATE, or come of weights that are";
  models::save_state(folder / "model.safetensors", imported.tensors, metadata);
  const TextSource& source = imported.source;
  const bool json = source.tokenizer_file.extension() == ".json";
  privacy::write_file_atomically(folder / "config.json", file_text(source.config));
  std::vector<Path> tokenizer = data::tokenizer_files(source.tokenizer_file);
  privacy::write_file_atomically(folder / (json ? "tokenizer.json" : "vocab.txt"), file_text(tokenizer.front()));
  tokenizer.erase(tokenizer.begin());
  copy_files(tokenizer, folder);
  copy_files(imported.licence, folder);
  write_certificates(imported.certificates, folder);
}

nlohmann::ordered_json report(const Imported& imported, const Path& folder) {
  nlohmann::ordered_json json = {{"folder", folder.string()},
                                 {"form", imported.form},
                                 {"tensors", imported.tensors.size()},
                                 {"left_out", imported.left_out}};
  if (!imported.base_model.empty()) json["base_model"] = imported.base_model;
  if (imported.head)
    json["head"] = {{"outputs", imported.head->outputs}, {"pooling", models::pooling_name(imported.head->pooling)}};
  json["licence_files"] = nlohmann::json::array();
  for (const Path& file : imported.licence) json["licence_files"].push_back(file.filename().string());
  return json;
}

}  // namespace

void import_model(const TrainingJob& job) {
  const at::NoGradGuard no_grad;
  const ImportOptions& options = job.imports;
  const Path output = options.output;
  privacy::AtomicFolder folder(output);
  std::error_code ignored;
  const Imported imported =
      std::filesystem::is_directory(options.from, ignored) ? import_adapter(options) : import_file(options);
  write(imported, folder.path());
  folder.publish();
  if (!imported.left_out.empty())
    *job.err << fmt::format("sotto: note: left out, no part of the encoder: {}\n", fmt::join(imported.left_out, ", "));
  if (imported.licence.empty())
    *job.err << fmt::format("sotto: note: there is no licence file for {}: it says nothing of the terms of its use\n",
                            output.string());
  *job.out << (job.json ? report(imported, output).dump(2) : output.string()) << '\n';
}

}  // namespace sotto::tools

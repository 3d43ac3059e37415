#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <sotto/models/frozen.h>
#include <sotto/models/module_state.h>
#include <sotto/models/peft_adapter.h>
#include <sotto/models/python_readme.h>
#include <sotto/models/safetensors.h>
#include <sotto/models/script_file.h>
#include <sotto/models/state.h>
#include <sotto/models/text_script.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/atomic_folder.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/certificates.h>
#include <sotto/tools/export_run.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/model_folder.h>
#include <sotto/tools/text_source.h>
#include <sotto/tools/trained_model.h>
#include <sotto/tools/training_plan.h>

#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>
#include <vector>

namespace sotto::tools {
namespace {

using Folder = std::filesystem::path;

constexpr const char* kReadme = "README.md";

// The model of a run of texts, with its weights and a head that needs no centre.
struct Trained {
  TextSource source;
  PublishedText parts;
  std::unique_ptr<models::Lora> lora;
  models::Metadata metadata;
};

Trained trained_text(const TrainingJob& job, const TrainingPlan& plan, const RunFolder& run) {
  const at::NoGradGuard no_grad;
  TextSource source = run_text_source(run, job.options, *plan.data.text, false);
  PublishedText parts = published_text(source, job.options, plan);
  Trained result{std::move(source), std::move(parts), nullptr, {}};
  models::TextClassifierImpl& classifier = *result.parts.classifier;
  result.lora = models::adapt(classifier, result.parts.adaptation, result.parts.options);
  std::vector<models::NamedTensor> state = models::module_parameters(classifier);
  for (models::NamedTensor& buffer : models::module_buffers(classifier)) state.push_back(std::move(buffer));
  result.metadata = models::load_state(run.model(), state);
  models::fold_centre(classifier);
  return result;
}

// What Python needs beside the weights: which output is which class, where texts are cut, and what privacy they have.
models::Metadata told(const Trained& trained) {
  models::Metadata result;
  for (const char* name : {"labels", "classes", "outputs", "max_tokens", "privacy"})
    if (const auto found = trained.metadata.find(name); found != trained.metadata.end()) result.insert(*found);
  return result;
}

void write_safetensors_folder(const Trained& trained, const Folder& folder) {
  const models::TextClassifierImpl& classifier = *trained.parts.classifier;
  models::Metadata metadata = trained.metadata;
  metadata["format"] = "pt";
  models::save_state(folder / "model.safetensors", models::merged_parameters(classifier), metadata);
  privacy::write_file_atomically(
      folder / kReadme, models::whole_readme(classifier.pooling, classifier.classifier->bias.size(0), told(trained)));
}

void copy_licence(const Folder& encoder, const Folder& folder) {
  std::error_code ignored;
  for (const Folder& file : licence_files(encoder)) {
    const std::string name = file.filename().string();
    const bool taken = std::filesystem::exists(folder / name, ignored);
    privacy::write_file_atomically(folder / (taken ? kBaseReadme : name), file_text(file));
  }
}

void write_script_file(const torch::jit::Module& script, const models::Metadata& metadata, Certificates certificates,
                       const Folder& folder) {
  std::map<std::string, std::string> texts = {{"metadata.json", nlohmann::json(metadata).dump(2)}};
  texts.merge(certificates);
  models::write_script(folder / "model.ts", script, texts);
}

void write_script_folder(const Trained& trained, const Certificates& certificates, const Folder& folder) {
  const models::TextClassifier classifier = trained.parts.classifier;
  if (trained.lora)
    for (const std::string& layer : trained.lora->targets()) models::thaw(*classifier.ptr(), {layer + ".weight"});
  write_script_file(models::text_script(*classifier), trained.metadata, certificates, folder);
}

// Where Python finds the encoder. A folder of the machine that trained is nothing to hand on.
std::string base_model(const TrainingJob& job) {
  if (!job.exports.base_model.empty()) return job.exports.base_model;
  if (job.options.model == kMiniLm) return kMiniLmInPython;
  throw UsageError(
      "[--base-model] missing: where Python finds the encoder, such as bert-base-uncased or a folder; of this run it "
      "is a folder of your own");
}

void export_text(const TrainingJob& job, const TrainingPlan& plan, const RunFolder& run,
                 const Certificates& certificates, const Folder& folder) {
  const std::string& to = job.exports.to;
  if (to == "peft" && plan.adapt != "lora")
    throw UsageError(
        fmt::format("[--to] bad value: peft, which is for factors of low rank; this run was adapted by {}, must be "
                    "safetensors or torchscript",
                    plan.adapt));
  const Trained trained = trained_text(job, plan, run);
  if (to == "peft") {
    models::write_peft_files(folder, *trained.parts.classifier, *trained.lora, base_model(job), told(trained));
  } else {
    if (trained.lora) trained.lora->merge();
    if (to == "torchscript")
      write_script_folder(trained, certificates, folder);
    else
      write_safetensors_folder(trained, folder);
    copy_files(published_files(trained.source), folder);
  }
  copy_licence(run.encoder(), folder);
}

void demand_script(const TrainingJob& job, const RunFolder& run, const char* what) {
  if (job.exports.to != "torchscript")
    throw UsageError(fmt::format("[--to] bad value: {}; the model of {} is {}, must be torchscript", job.exports.to,
                                 run.path().string(), what));
}

void export_scratch(const TrainingJob& job, const TrainingPlan& plan, const RunFolder& run,
                    const Certificates& certificates, const Folder& folder) {
  demand_script(job, run, "a network from scratch");
  const at::NoGradGuard no_grad;
  const TextSource source = run_text_source(run, job.options, *plan.data.text, false);
  write_script_file(models::text_network_script(job.options.model, scratch_sizes(source, *plan.data.text), run.model()),
                    models::SafetensorsFile::read(run.model()).metadata(), certificates, folder);
  copy_files({source.tokenizer_file}, folder);
}

void export_script(const TrainingJob& job, const RunFolder& run, const Folder& folder) {
  std::error_code ignored;
  if (!std::filesystem::exists(run.script(), ignored))
    throw UsageError(
        fmt::format("[export] the model of {} is neither one of texts nor a TorchScript file; its weights are in {}",
                    run.path().string(), run.model().string()));
  demand_script(job, run, "a TorchScript file");
  copy_files({run.script()}, folder);
}

}  // namespace

void export_run(const TrainingJob& job) {
  const TrainingPlan plan = make_training_plan(job.options);
  const RunFolder run(job.run);
  require_model("export", run);
  warn_of_unfinished(run, *job.err);
  const std::filesystem::path output = job.exports.output;
  const Certificates certificates = run_certificates(run, plan.not_private, job.options.public_base);
  privacy::AtomicFolder folder(output);
  if (!plan.data.text)
    export_script(job, run, folder.path());
  else if (plan.data.text->from_scratch)
    export_scratch(job, plan, run, certificates, folder.path());
  else
    export_text(job, plan, run, certificates, folder.path());
  write_certificates(certificates, folder.path());
  folder.publish();
  *job.out << fmt::format("{}\n", output.string());
}

}  // namespace sotto::tools

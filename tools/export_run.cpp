#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <sotto/models/module_state.h>
#include <sotto/models/peft_adapter.h>
#include <sotto/models/state.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/atomic_folder.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/export_run.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/text_source.h>
#include <sotto/tools/trained_model.h>
#include <sotto/tools/training_plan.h>

#include <algorithm>
#include <ostream>
#include <utility>
#include <vector>

namespace sotto::tools {
namespace {

void write_certificate(const RunFolder& run, const std::filesystem::path& folder) {
  for (const std::filesystem::path& file : {run.certificate(), run.not_private()}) {
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored))
      privacy::write_file_atomically(folder / file.filename(), file_text(file));
  }
}

// The weights of the encoder and the head: not the factors, which were merged.
std::vector<models::NamedTensor> merged_state(const models::TextClassifierImpl& classifier) {
  std::vector<models::NamedTensor> result = models::module_parameters(classifier);
  std::erase_if(result, [](const models::NamedTensor& named) {
    return named.name.ends_with(".lora_A") || named.name.ends_with(".lora_B");
  });
  return result;
}

}  // namespace

void export_run(const TrainingJob& job) {
  const TrainingPlan plan = make_training_plan(job.options);
  if (!plan.data.text || plan.data.text->from_scratch)
    throw UsageError(
        fmt::format("[export] the model of {} is no published model of texts; its weights are in model.safetensors, "
                    "and where it was "
                    "a TorchScript file, in model.ts",
                    job.run.string()));
  const bool peft = job.exports.to == "peft";
  if (peft && plan.adapt != "lora")
    throw UsageError(fmt::format("[--to] peft is for factors of low rank; this run was adapted by {}", plan.adapt));
  const RunFolder run(job.run);
  require_model("export", run);
  warn_of_stale_certificate(run, *job.err);
  const TextSource source = run_text_source(run, job.options, *plan.data.text, false);
  PublishedText parts = published_text(source, job.options, plan);
  const auto lora = models::adapt(*parts.classifier, parts.adaptation, parts.options);
  const at::NoGradGuard no_grad;
  std::vector<models::NamedTensor> state = models::module_parameters(*parts.classifier);
  for (models::NamedTensor& buffer : models::module_buffers(*parts.classifier)) state.push_back(std::move(buffer));
  const models::Metadata metadata = models::load_state(run.model(), state);
  models::fold_centre(*parts.classifier);

  const std::filesystem::path output = job.exports.output;
  if (peft) {
    models::write_peft_adapter(output, *parts.classifier, *lora,
                               job.exports.base_model.empty() ? job.options.model : job.exports.base_model);
    write_certificate(run, output);
  } else {
    if (lora) lora->merge();
    privacy::AtomicFolder folder(output);
    models::save_state(folder.path() / "model.safetensors", merged_state(*parts.classifier), metadata);
    for (const std::filesystem::path& file : {source.config, source.tokenizer_file})
      privacy::write_file_atomically(folder.path() / file.filename(), file_text(file));
    write_certificate(run, folder.path());
    folder.publish();
  }
  *job.out << fmt::format("{}\n", output.string());
}

}  // namespace sotto::tools

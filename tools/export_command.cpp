#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/export_command.h>
#include <sotto/tools/run_options.h>
#include <sotto/tools/training_library.h>

#include <memory>
#include <string>

namespace sotto::tools {
namespace {

constexpr const char* kExportExample = R"(Examples:
  $ sotto export runs/notes-lora --to peft --base-model sentence-transformers/all-MiniLM-L6-v2 --output notes-adapter
  $ sotto export runs/notes --to safetensors --output notes-model
  $ sotto export runs/notes --to torchscript --output notes-script

peft: factors of low rank and the head, for Python's PEFT; the folder's README.md says how to use them there.
safetensors: the whole model, factors merged, with its config.json and tokenizer; sotto train text --model takes the folder.
torchscript: the same as model.ts, which torch.jit.load opens without any class of a model: ids [B, T], padded with the id of
[PAD], become scores [B, outputs]; small-encoder, lstm and bag leave in this form. Of a run with --model FILE.ts, its model.ts.
The certificate of the run lies in the folder: what was spent for the model stays spent.
)";

}  // namespace

void add_export_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code) {
  const auto job = std::make_shared<TrainingJob>();
  job->kind = TrainingJob::Kind::export_model;
  job->out = &out;
  job->err = &err;
  const auto run = std::make_shared<std::string>();

  CLI::App* command = app.add_subcommand("export", "The model of a run for other programs");
  command->footer(kExportExample);
  command->add_option("run", *run, "Folder of the run")->type_name("RUN")->required();
  command->add_option("--to", job->exports.to, "peft, safetensors or torchscript")->type_name("FORM")->required();
  command->add_option("--output", job->exports.output, "Folder to make; must not exist")
      ->type_name("FOLDER")
      ->required();
  command
      ->add_option("--base-model", job->exports.base_model,
                   "With --to peft: where Python finds the encoder; mandatory unless it is minilm")
      ->type_name("NAME");
  command->callback([=, &exit_code] {
    const ExportOptions& options = job->exports;
    if (options.to != "peft" && options.to != "safetensors" && options.to != "torchscript")
      throw UsageError(
          fmt::format("[--to] unknown value: '{}'; allowed are peft, safetensors, torchscript", options.to));
    if (options.to != "peft" && !options.base_model.empty())
      throw UsageError("[--base-model] has no effect: only --to peft names one");
    if (options.output.empty()) throw UsageError("[--output] bad value: ''; must be a path");
    job->run = *run;
    job->options = run_options(RunFolder(*run));
    exit_code = run_training_job(*job);
  });
}

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/import_command.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/training_library.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace sotto::tools {
namespace {

constexpr const char* kImportExample = R"(Examples:
  $ sotto import notes-adapter --base minilm --output my-models/notes
  $ sotto import encoder.ts --config config.json --tokenizer tokenizer.json --output my-models/encoder
  $ sotto import weights.safetensors --config config.json --tokenizer vocab.txt --output my-models/encoder
  $ sotto train text movie-reviews --model my-models/encoder/ --epsilon 8 --delta 1e-5

A folder is an adapter of Python's PEFT (LoRA of a BERT encoder): it is merged into the weights of --base, the folder of the
model that it adapts, or minilm. A file holds the weights of a BERT encoder under the names of Hugging Face, with or without
'bert.' before them: TorchScript (*.ts, *.pt) or safetensors. Every tensor must be there, in the shape that config.json says;
heads of other tasks are left out, and listed. Weights become 32-bit floats.
The files that tell the terms of use come along from the base, or from beside the file; so does a certificate that lies in a
TorchScript file, or else beside what is imported: what was spent for a model stays spent.
)";

void demand(const std::string& value, const char* flag, const char* why) {
  if (value.empty()) throw UsageError(fmt::format("[{}] is missing: {}", flag, why));
}

void refuse(const std::string& value, const char* flag, const char* why) {
  if (!value.empty()) throw UsageError(fmt::format("[{}] has no effect: {}", flag, why));
}

void check(const ImportOptions& options) {
  std::error_code ignored;
  demand(options.output, "--output", "must be a path");
  if (!std::filesystem::exists(options.from, ignored))
    throw UsageError(
        fmt::format("[import] there is no {}; must be the folder of an adapter, or a file of weights", options.from));
  if (std::filesystem::is_directory(options.from, ignored)) {
    demand(options.base, "--base", "an adapter needs the folder of the model that it adapts");
    refuse(options.config, "--config", "that of --base is taken");
    refuse(options.tokenizer, "--tokenizer", "that of --base is taken");
    if (options.base != kMiniLm && !std::filesystem::is_directory(options.base, ignored))
      throw UsageError(fmt::format("[--base] bad value: '{}'; must be minilm or the folder of a model", options.base));
    return;
  }
  const std::filesystem::path ending = std::filesystem::path(options.from).extension();
  if (ending != ".ts" && ending != ".pt" && ending != ".safetensors")
    throw UsageError(fmt::format("[import] {} ends in '{}'; a file of weights ends in .ts, .pt or .safetensors",
                                 options.from, ending.string()));
  refuse(options.base, "--base", "only an adapter has one");
  demand(options.config, "--config", "a file of weights needs the config.json of its model");
  demand(options.tokenizer, "--tokenizer", "a file of weights needs the tokenizer.json or vocab.txt of its model");
  const std::filesystem::path tokenizer = std::filesystem::path(options.tokenizer).extension();
  if (tokenizer != ".json" && tokenizer != ".txt")
    throw UsageError(
        fmt::format("[--tokenizer] {} ends in '{}'; must be a tokenizer.json, or a vocab.txt with a token a line",
                    options.tokenizer, tokenizer.string()));
}

}  // namespace

void add_import_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code) {
  const auto job = std::make_shared<TrainingJob>();
  job->kind = TrainingJob::Kind::import_model;
  job->out = &out;
  job->err = &err;

  CLI::App* command = app.add_subcommand("import", "A model of texts of other programs, for sotto train text --model");
  command->footer(kImportExample);
  command->add_option("from", job->imports.from, "Folder of an adapter, or file of weights")
      ->type_name("FILE_OR_FOLDER")
      ->required();
  command->add_option("--base", job->imports.base, "Of an adapter: folder of the model that it adapts, or minilm")
      ->type_name("FOLDER");
  command->add_option("--config", job->imports.config, "Of a file: the sizes of its model")->type_name("FILE");
  command
      ->add_option("--tokenizer", job->imports.tokenizer,
                   "Of a file: tokenizer.json, or vocab.txt with tokenizer_config.json beside it")
      ->type_name("FILE");
  command->add_option("--output", job->imports.output, "Folder to make; must not exist")
      ->type_name("FOLDER")
      ->required();
  command->add_flag("--json", job->json, "Print one JSON object on the standard output");
  command->callback([=, &exit_code] {
    check(job->imports);
    exit_code = run_training_job(*job);
  });
}

}  // namespace sotto::tools

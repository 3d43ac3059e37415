#include <fmt/format.h>
#include <sotto/data/text_records.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/declared_text.h>
#include <sotto/tools/device_choice.h>
#include <sotto/tools/predict_command.h>
#include <sotto/tools/run_options.h>
#include <sotto/tools/training_library.h>

#include <memory>
#include <string>

namespace sotto::tools {
namespace {

constexpr const char* kPredictExample = R"(Examples:
  $ sotto predict runs/reviews --input new.txt
  $ echo "A film to see twice." | sotto predict runs/reviews --input -
  $ sotto predict runs/notes --input notes.tsv --text-column note --json
  $ cat new.jsonl | sotto predict runs/notes --input - --data-format jsonl --text-column note

A line for each text, in order: the class and its probability, or the number of a regression; an empty one for a text that is
empty. Of a file with columns the texts are in the one that the run was trained on, unless --text-column says another. What the
model says costs no privacy: it was paid for when the model was trained. The texts that you ask about are not protected by it.
)";

void check(const PredictOptions& options) {
  if (options.input.empty()) throw UsageError("[--input] bad value: ''; must be a file, or - for the standard input");
  const std::string& format = options.format;
  if (!format.empty() && !data::format_with_columns(format))
    throw UsageError(fmt::format("[--data-format] unknown value: '{}'; allowed are {}; without it a line is a text",
                                 format, data::kFormatsWithColumns));
  const auto told = data::format_of(format, options.input);
  const bool columns = told.has_value();
  if (!columns && !options.text_column.empty())
    throw UsageError(
        "[--text-column] has no effect: a line is a text, unless --data-format or the ending of --input tells a format "
        "with columns");
  if (options.no_header && (!columns || *told == data::TextFormat::jsonl))
    throw UsageError("[--no-header] has no effect: only tsv, csv and semicolons have a header");
}

// Of the run, where a file has columns and none is said.
void take_column(const TrainOptions& run, PredictOptions& options) {
  if (!options.text_column.empty() || !data::format_of(options.format, options.input) || !trains_texts(run)) return;
  const data::TextTableOptions table = declared_text(run).table;
  if (table.header == options.no_header)
    throw UsageError(fmt::format("[--text-column] missing: which column of {} holds the texts", options.input));
  options.text_column = table.text_column;
}

}  // namespace

void add_predict_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code) {
  const auto job = std::make_shared<TrainingJob>();
  job->kind = TrainingJob::Kind::predict;
  job->out = &out;
  job->err = &err;
  const auto run = std::make_shared<std::string>();
  const auto device = std::make_shared<std::string>("cpu");

  CLI::App* command = app.add_subcommand("predict", "What the model of a run of texts says of other texts");
  command->footer(kPredictExample);
  command->add_option("run", *run, "Folder of the run")->type_name("RUN")->required();
  command
      ->add_option(
          "--input", job->predict.input,
          "One text a line, or a file that ends in .tsv, .csv or .jsonl; plain or gzip; - for the standard input")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--data-format", job->predict.format,
                   fmt::format("One of {}, where the ending does not tell", data::kFormatsWithColumns))
      ->type_name("FORMAT");
  command->add_option("--text-column", job->predict.text_column, "Name of the column of texts")->type_name("COLUMN");
  command->add_flag("--no-header", job->predict.no_header,
                    "The first line is a record: the column is a number, from 1");
  command->add_option("--device", *device, std::string(kDeviceHelp) + " [cpu]")->type_name("DEVICE");
  command->add_flag("--json", job->json, "Print one JSON object a line");
  command->callback([=, &exit_code] {
    check(job->predict);
    job->run = *run;
    job->options = run_options(RunFolder(*run));
    take_column(job->options, job->predict);
    job->device = choose_device(*device, *job->err);
    exit_code = run_training_job(*job);
  });
}

}  // namespace sotto::tools

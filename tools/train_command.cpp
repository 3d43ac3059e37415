#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/run_options.h>
#include <sotto/tools/train_command.h>
#include <sotto/tools/train_flags.h>
#include <sotto/tools/training_library.h>
#include <sotto/tools/training_plan.h>
#include <sotto/tools/tuning_record.h>

#include <memory>
#include <ostream>

namespace sotto::tools {
namespace {

struct Flags : TrainFlags {
  std::string output;
  bool json = false;
  bool dry_run = false;
  bool preflight = false;
};

struct TestData {
  std::string images, labels, table, texts;
};

constexpr const char* kTrainExample = R"(Examples:
  $ sotto train fashion-mnist --epsilon 3 --delta 1e-5 --output runs/first
  $ sotto train --train-images scans.idx.gz --train-labels kinds.idx.gz --dataset-size 20000 --epsilon 2 --delta 1e-6
  $ sotto train --model net.ts --train-images scans.idx.gz --train-labels kinds.idx.gz --dataset-size 20000 --epsilon 2 --delta 1e-6
  $ sotto train --model tagger.ts --input-type tokens:5000 --classes 17 --train-images texts.idx --train-labels tags.idx --dataset-size 20000 --epsilon 2 --delta 1e-6
  $ sotto train --train-images scans/ --class-names benign,malignant --picture-shape 3x32x32 --dataset-size 20000 --epsilon 2 --delta 1e-6
  $ sotto train --train-table rows.csv --table-schema rows.schema --model mlp --dataset-size 20000 --epsilon 2 --delta 1e-6
  $ sotto train --config run.toml --epochs 10      # keys of the file are the flags; flags win

A folder holds its pictures as FOLDER/CLASS/FILE with a class folder for each of --class-names; a picture of another size is
refused, not resized. A schema declares the columns of a table in their order, one a line:
  age: number 0 120
  work: category private, state, other
  note: ignore
  income: label low, high
  @header
  @missing ?
Numbers are scaled from their range to -1 to 1, and one outside of it is refused; a category becomes one number 0 or 1 for each
of its values; exactly one column is the label. @header: the first line of the table holds the names of the columns; @missing
TEXT: a field that says TEXT gives zeros. More about it: data/csv_table.h.
Declare names, shapes, categories and ranges from what is public: what is read from the records would have to be paid for.

Ctrl-C finishes the step, writes a checkpoint and tells how to go on. Apart from the time that steps take, nothing computed
from training records is shown except through the private steps.
)";

constexpr const char* kTrainTextExample = R"(Examples:
  $ tools/fetch_data.sh minilm reviews
  $ sotto train text movie-reviews --adapt lora --epsilon 8 --delta 1e-5
  $ sotto train text --data notes.tsv --text-column note --label-column urgent --labels "no, yes" --test-fraction 0.2 --dataset-size 8000 --epsilon 3 --delta 1e-5
  $ sotto train text --data posts.jsonl --text-column text --label-column stars --labels "range 1 5" --group-column author --max-per-group 8 --dataset-size 900 --epsilon 3 --delta 1e-4
  $ sotto train text --data notes.csv --text-column note --label-column urgent --labels "no, yes" --dataset-size 8000 --model bag --vocabulary words.txt --epsilon 3 --delta 1e-5

Texts are UTF-8, one record a line: TSV (no quoting), CSV (RFC 4180) or JSONL (one object a line). What labels mean is declared
and never learnt from the records: 'negative, positive, drop neutral' names the classes, '<0 -> 0, >0 -> 1, drop 0' tells them
by a number (with <, <=, > and >=), 'range 1 5' is a regression; labels of the file must be one of these, letter for letter. A
vocabulary is public: that of the published model, or a list that you give, one token a line, with [PAD] and [UNK] among them.
--test-fraction holds texts back by a hash of each text, or of its group, alone: one record more moves no other.

Of a published model --adapt alone says enough: what is not said then is not what stands in brackets above, but settings that
belong together and were found for that way: vectors of all layers less their mean over the records (--pooling layers --centre),
flat clipping, SGD at a falling rate, few steps of large batches; of a head 20 to 60 steps of all records, up to 16,384. With
--rule none they are others again. The run's config.toml holds them; --dry-run tells them before anything is trained. A flag
takes the place of its setting alone, --pooling also that of --centre; with another rule, or another --optimizer, the brackets
hold.

Who is protected is one record; with --group-column it is one group, all texts of a person or a document: sampling draws groups,
a group's gradient is clipped as a whole, and --dataset-size and --batch count groups.

Repeated texts, texts that were cut and lines that are refused are told here, on the terminal, and are in no file of the run.
)";

constexpr const char* kResumeExample = R"(Example:
  $ sotto resume runs/first

Every step that the ledger charged stays charged, also when a crash lost its result; noise and sampling get new keys.
)";

constexpr const char* kEvaluateExample = R"(Example:
  $ sotto evaluate runs/first --json

Test records are treated as public: their accuracy is shown as it is.
)";

void train(const CLI::App& command, const Flags& flags, TrainKey::Use runs, TrainingJob job, int& exit_code) {
  TrainOptions options = given_options(given_keys(command, flags), runs);
  make_training_plan(options);  // refuses before LibTorch is loaded
  if (command.count("--output") > 0 && flags.output.empty())
    throw UsageError("[--output] bad value: ''; must be a path (is a variable of your script unset?)");
  const std::string name = (options.dataset.empty() ? "own" : options.dataset) + "-" + options.rule;
  job.kind = flags.dry_run ? TrainingJob::Kind::dry_run : TrainingJob::Kind::train;
  job.options = std::move(options);
  job.audit.preflight = flags.preflight;
  job.run = flags.output.empty() ? free_run_folder(name) : std::filesystem::path(flags.output);
  RunFolder(job.run).require_free();
  job.device = choose_device(job.options.device, *job.err);
  job.options.device = job.device.name;
  exit_code = run_training_job(job);
}

}  // namespace

void add_train_commands(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code) {
  const auto flags = std::make_shared<Flags>();
  const auto job = [flags, &out, &err] {
    TrainingJob result;
    result.json = flags->json;
    result.out = &out;
    result.err = &err;
    return result;
  };

  CLI::App* command = app.add_subcommand("train", "Train a model under differential privacy");
  command->footer(kTrainExample);
  const auto add_train = [=, &exit_code](CLI::App* to, TrainKey::Use runs) {
    const auto typed_flags = std::make_shared<Flags>();
    add_train_flags(*to, *typed_flags, runs);
    to->add_option("--output", typed_flags->output, "Folder for the run; must not hold one [runs/DATASET-RULE]")
        ->type_name("RUN");
    to->add_flag("--dry-run", typed_flags->dry_run,
                 "Read records and model, tell the plan with its noise, and train, charge and write nothing");
    to->add_flag("--preflight", typed_flags->preflight,
                 "Audit the private step on made-up records before a record is read into one (sotto audit)");
    to->add_flag("--json", typed_flags->json, "Print one JSON object on the standard output");
    to->callback([=, &exit_code] {
      if (!to->get_subcommands().empty()) return;
      TrainingJob train_job = job();
      train_job.json = typed_flags->json;
      train(*to, *typed_flags, runs, std::move(train_job), exit_code);
    });
  };
  add_train(command, TrainKey::Use::pictures);
  CLI::App* images = command->add_subcommand("images", "The same as sotto train: pictures and tables");
  images->footer(kTrainExample);
  add_train(images, TrainKey::Use::pictures);
  CLI::App* text = command->add_subcommand("text", "Train a model of texts: sotto train text --help");
  text->footer(kTrainTextExample);
  add_train(text, TrainKey::Use::texts);

  const auto run = std::make_shared<std::string>();
  command = app.add_subcommand("resume", "Continue a run that was stopped");
  command->footer(kResumeExample);
  command->add_option("run", *run, "Folder of the run")->type_name("RUN")->required();
  const auto add_key_again = [flags](CLI::App& to, const char* name) {
    const TrainKey& key = *find_train_key(name);
    to.add_option("--" + std::string(name), flags->texts[name], std::string(key.help) + " [as the run began]")
        ->type_name(key.value_name);
  };
  const auto take_key_again = [flags](const CLI::App& from, const char* name, TrainOptions& options) {
    if (from.count("--" + std::string(name)) > 0) find_train_key(name)->set(options, flags->texts.at(name));
  };
  add_key_again(*command, "threads");
  add_key_again(*command, "matmul");
  add_key_again(*command, "memory");
  add_key_again(*command, "device");
  command->add_flag("--json", flags->json, "Print one JSON object on the standard output");
  command->callback([=, &exit_code, &err] {
    TrainingJob resume = job();
    resume.kind = TrainingJob::Kind::resume;
    resume.run = *run;
    if (lies_in_tuning(RunFolder(*run)))
      throw UsageError(fmt::format(
          "[resume] {} is one of the runs of a tuning: go on with 'sotto tune --resume' and the folder that holds them",
          *run));
    resume.options = run_options(RunFolder(*run));
    take_key_again(*command, "threads", resume.options);
    take_key_again(*command, "matmul", resume.options);
    take_key_again(*command, "memory", resume.options);
    resume.began_on = resume.options.device;
    take_key_again(*command, "device", resume.options);
    make_training_plan(resume.options);  // refuses before LibTorch is loaded
    resume.device = choose_device(resume.options.device, err);
    resume.options.device = resume.device.name;
    exit_code = run_training_job(resume);
  });

  const auto test = std::make_shared<TestData>();
  command = app.add_subcommand("evaluate", "Test accuracy of the model of a run");
  command->footer(kEvaluateExample);
  command->add_option("run", *run, "Folder of the run")->type_name("RUN")->required();
  command
      ->add_option("--test-images", test->images, "Test pictures instead of those of the run, of the same kind of file")
      ->type_name("PATH");
  command->add_option("--test-labels", test->labels, "Their labels, with an IDX file")->type_name("FILE");
  command->add_option("--test-data", test->texts, "Test texts instead of those of the run")->type_name("FILE");
  command->add_option("--test-table", test->table, "Test table instead of that of the run")->type_name("FILE");
  add_key_again(*command, "matmul");
  add_key_again(*command, "device");
  command->add_flag("--json", flags->json, "Print one JSON object on the standard output");
  command->callback([=, &exit_code, &err] {
    TrainingJob evaluate = job();
    evaluate.kind = TrainingJob::Kind::evaluate;
    evaluate.run = *run;
    evaluate.options = run_options(RunFolder(*run));
    take_key_again(*command, "matmul", evaluate.options);
    take_key_again(*command, "device", evaluate.options);
    if (!test->images.empty() || !test->labels.empty() || !test->table.empty()) {
      evaluate.options.test_images = absolute_path(test->images);
      evaluate.options.test_labels = absolute_path(test->labels);
      evaluate.options.test_table = absolute_path(test->table);
    }
    if (!test->texts.empty()) {
      evaluate.options.test_data = absolute_path(test->texts);
      evaluate.options.test_fraction.reset();
      if (evaluate.options.group_column.empty()) evaluate.options.split_seed.reset();  // which was of that split
    }
    evaluate.device = choose_device(evaluate.options.device, err);
    exit_code = run_training_job(evaluate);
  });
}

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_time.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/train_flags.h>
#include <sotto/tools/training_library.h>
#include <sotto/tools/tune_command.h>
#include <sotto/tools/tuning_plan.h>
#include <sotto/tools/tuning_run.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

namespace sotto::tools {
namespace {

struct TuneFlags : TrainFlags {
  std::vector<std::string> tries;
  std::string expected_runs, law = "logarithmic", output, work, resume;
  bool json = false, dry_run = false;
};

constexpr const char* kTuneExplanation = R"(
A number of runs is drawn from a public law. Each draws one of the candidates, all combinations of the values of --try,
with replacement, trains as sotto train does, and is scored on the test records, which are treated as public. The best run
alone is returned. --epsilon is that of all of it: the noise of a run is found by the bound of Papernot and Steinke, Hyper-
parameter Tuning with Renyi Differential Privacy, ICLR 2022, and the certificate states it. It holds only if nobody learns
how many runs there were, or anything of the others: they stay in a working folder that only you can read, and so should
what this command shows while it runs. All candidates have the same noise, batches and steps, and are fixed before.

Ctrl-C stops it; --resume goes on without drawing anything again. A run that was begun is never given another chance.

)";

constexpr const char* kTuneExample = R"(Example:
  $ sotto tune fashion-mnist --try lr=1,2,4 --try clip-norm=0.05,0.1 --epsilon 3 --delta 1e-5 --dry-run
  data              fashion-mnist
  candidates        6: lr 1, 2, 4 x clip-norm 0.05, 0.1
  chosen by         accuracy on the test records, treated as public
  number of runs    12 in the mean, at most 50 with probability 0.95; it is told to nobody
  drawn from        the truncated negative binomial law with eta 0 and gamma 0.021154760661323952
  adjacency         add-remove: one record more or less
  every run         1172 steps, sampling rate 0.0341333 = 2048 expected / 60000 declared, Poisson
  noise multiplier  3.00303
  work              1.406e+04 steps in the mean
  guarantee         epsilon 3 at delta 1e-05 for the run that is returned and its choice (upper bound)
  one run alone     epsilon 1.58414 with this noise; noise multiplier 1.80831 for epsilon 3
  dry run           nothing was read, drawn, trained or written
)";

std::filesystem::path from_root(const std::string& path) {
  std::filesystem::path result = absolute_path(path);
  return result.has_filename() ? result : result.parent_path();
}

bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const std::filesystem::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

void require_places(const std::filesystem::path& output, const std::filesystem::path& work) {
  if (lies_in(output, work) || lies_in(work, output))
    throw UsageError(
        "[--work] the working folder and --output must not lie in each other: what lies in the one is told "
        "to nobody, what lies in the other is for everybody");
  RunFolder(output).require_free();
}

// Whatever a candidate is refused for is told before anything is drawn: one of every model is read with the records.
void examine(const TuningPlan& plan, std::ostream& err) {
  std::ostream nobody(nullptr);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < plan.options.size(); ++i) {
    KeyTexts model = plan.record.candidates[i];
    std::erase_if(model, [](const auto& entry) { return !changes_model(entry.first); });
    if (!seen.insert(to_text(model)).second) continue;
    TrainingJob job;
    job.kind = TrainingJob::Kind::dry_run;
    job.options = plan.options[i];
    job.device = choose_device(job.options.device, err);
    job.options.device = job.device.name;
    job.out = &nobody;
    job.err = &nobody;
    run_training_job(job);
  }
}

// Of the whole tuning.
double epsilon_of(const TuningRecord& record) {
  return tuned_epsilon(record, privacy::Adjacency::add_remove, {privacy::Phase{record.event, record.steps}});
}

nlohmann::ordered_json result_json(const TuningRecord& record, const TuningOutcome& outcome,
                                   const std::filesystem::path& work) {
  nlohmann::ordered_json json = {{"run", nullptr}, {"finished", outcome.code == ExitCode::done}};
  if (outcome.released) {
    json["run"] = outcome.released->string();
    json["settings"] = *outcome.settings;
    json[record.score.starts_with("accuracy") ? "accuracy" : "root_mean_square_error"] = std::abs(*outcome.score);
  }
  json["epsilon"] = epsilon_of(record);
  json["delta"] = record.delta;
  json["noise_multiplier"] = record.event.mechanism.noise_multiplier;
  json["sampling_rate"] = record.event.sampling_rate;
  json["working_folder"] = work.string();
  return json;
}

std::string result_text(const TuningRecord& record, const TuningOutcome& outcome, const std::filesystem::path& work) {
  std::string text;
  if (outcome.released)
    text += fmt::format("{:<18}{:.4f}, by {}\n", "best", std::abs(*outcome.score), record.score) +
            fmt::format("settings          {}\n", to_text(*outcome.settings)) +
            fmt::format("run               {}: certificate.json, tuning.json, model.safetensors\n",
                        outcome.released->string());
  else
    text +=
        "run               none: no run was drawn, or all of them diverged; that is a result like any other, and was "
        "paid for\n";
  text += fmt::format("epsilon           {} at delta {}, for the tuning\n",
                      format_rounded_up(epsilon_of(record), kShownDigits), record.delta);
  return text + fmt::format("working folder    {}: remove it, or keep it where nobody reads it\n", work.string());
}

void finish(TuningLedger& ledger, const std::filesystem::path& output, bool json, std::ostream& out, std::ostream& err,
            int& exit_code) {
  const TuningRecord& record = ledger.contents().start.record;
  const std::filesystem::path work = ledger.work();
  TuningOutcome outcome;
  try {
    outcome = run_tuning(ledger, output, err);
  } catch (const Error&) {
    if (is_there(work)) err << fmt::format("sotto: go on with: sotto tune --resume {}\n", work.string());
    throw;
  }
  exit_code = static_cast<int>(outcome.code);
  if (outcome.code != ExitCode::done)
    err << fmt::format("stopped; continue with: sotto tune --resume {}\n", work.string());
  if (json)
    out << result_json(record, outcome, work).dump(2) << '\n';
  else if (outcome.code == ExitCode::done)
    out << result_text(record, outcome, work);
}

void resume_tuning(const CLI::App& command, const TuneFlags& flags, std::ostream& out, std::ostream& err,
                   int& exit_code) {
  for (const CLI::Option* option : command.get_options())
    if (const std::string name = option->get_name();
        option->count() > 0 && name != "--resume" && name != "--output" && name != "--json")
      throw UsageError("[--resume] goes with --output and --json alone: all else is as the tuning began");
  TuningLedger ledger = TuningLedger::open(from_root(flags.resume));
  const std::filesystem::path output =
      command.count("--output") > 0 ? from_root(flags.output) : std::filesystem::path(ledger.contents().start.output);
  if (ledger.contents().released)
    throw UsageError(fmt::format("[--resume] {} is over: its result was returned", ledger.work().string()));
  if (lies_in(output, ledger.work()) || lies_in(ledger.work(), output))
    throw UsageError("[--output] must not lie in the working folder, nor that in it");
  finish(ledger, output, flags.json, out, err, exit_code);
}

void tune(const CLI::App& command, const TuneFlags& flags, TrainKey::Use runs, std::ostream& out, std::ostream& err,
          int& exit_code) {
  TuningQuestion question;
  question.given = given_keys(command, flags);
  question.runs = runs;
  question.tries = flags.tries;
  question.law = flags.law;
  if (command.count("--expected-runs") > 0) question.expected_runs = parse_real("--expected-runs", flags.expected_runs);
  const TuningPlan plan = make_tuning_plan(question, privacy::utc_now());
  if (command.count("--output") > 0 && flags.output.empty())
    throw UsageError("[--output] bad value: ''; must be a path (is a variable of your script unset?)");
  const std::string data = plan.options[0].dataset.empty() ? "own" : plan.options[0].dataset;
  const std::filesystem::path output =
      from_root(flags.output.empty() ? free_run_folder(data + "-tuned").string() : flags.output);
  const std::filesystem::path work = from_root(flags.work.empty() ? output.string() + "-work" : flags.work);
  require_places(output, work);
  (flags.json ? err : out) << describe(plan) << std::flush;
  for (const std::string& warning :
       privacy::budget_warnings({.epsilon = plan.epsilon, .delta = plan.record.delta}, plan.plans[0].data.size))
    err << fmt::format("sotto: warning: {}\n", warning);
  if (flags.dry_run) {
    if (flags.json) {
      nlohmann::ordered_json json = {{"dry_run", true}};
      json.update(to_json(plan));
      out << json.dump(2) << '\n';
    } else {
      out << "dry run           nothing was read, drawn, trained or written\n";
    }
    return;
  }
  examine(plan, err);
  TuningLedger ledger = TuningLedger::create(work, start_of(plan, output.string()));
  err << fmt::format(
      "sotto: note: the working folder is {}; it and what is shown from here on tell of all runs: let nobody see "
      "them\n",
      work.string());
  finish(ledger, output, flags.json, out, err, exit_code);
}

void add_tune(CLI::App* command, TrainKey::Use runs, std::ostream& out, std::ostream& err, int& exit_code) {
  const auto flags = std::make_shared<TuneFlags>();
  add_train_flags(*command, *flags, runs);
  command
      ->add_option("--try", flags->tries,
                   "Values of a flag to choose from, all combinations of which are the candidates: lr=0.5,1,2; may be "
                   "given for several flags")
      ->type_name("NAME=VALUES")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--expected-runs", flags->expected_runs, "Mean of the number of runs [twice as many as candidates]")
      ->type_name("MEAN");
  command
      ->add_option(
          "--law", flags->law,
          "Law of the number of runs: logarithmic, geometric or eta of a truncated negative binomial law, which are at "
          "least 1; or poisson, which may be 0 [logarithmic]")
      ->type_name("LAW");
  command->add_option("--output", flags->output, "Folder for the best run; must not hold one [runs/DATASET-tuned]")
      ->type_name("RUN");
  command->add_option("--work", flags->work, "Working folder, which must be new [OUTPUT-work]")->type_name("FOLDER");
  command->add_option("--resume", flags->resume, "Go on with the tuning of this working folder")->type_name("FOLDER");
  command->add_flag("--dry-run", flags->dry_run, "Tell the plan, its noise and its cost, and do nothing");
  command->add_flag("--json", flags->json, "Print one JSON object on the standard output");
  command->callback([=, &out, &err, &exit_code] {
    if (!command->get_subcommands().empty()) return;
    if (command->count("--resume") > 0)
      resume_tuning(*command, *flags, out, err, exit_code);
    else
      tune(*command, *flags, runs, out, err, exit_code);
  });
}

}  // namespace

void add_tune_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code) {
  CLI::App* command = app.add_subcommand("tune", "Choose hyper-parameters privately: the best of several runs");
  command->footer(std::string(kTuneExplanation) + kTuneExample);
  add_tune(command, TrainKey::Use::pictures, out, err, exit_code);
  CLI::App* text = command->add_subcommand("text", "The same of texts: sotto tune text --help");
  text->footer(kTuneExplanation);
  add_tune(text, TrainKey::Use::texts, out, err, exit_code);
}

}  // namespace sotto::tools

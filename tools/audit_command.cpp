#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/audit_command.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/run_options.h>
#include <sotto/tools/training_library.h>

#include <memory>
#include <string>

namespace sotto::tools {
namespace {

constexpr int64_t kFewestReplays = 100, kMostReplays = 1'000'000'000;
constexpr int64_t kFewestCanaries = 20, kMostCanaries = 10'000'000;

constexpr const char* kAuditExample = R"(Examples:
  $ sotto audit runs/first
  $ sotto audit runs/first --replays 100000
  $ sotto audit runs/first --canaries 1000 --json
  $ sotto train fashion-mnist --epsilon 3 --delta 1e-5 --preflight

Runs the private step of a run - its model, rule, sampling and noise - on made-up records and looks at what is released. No
private record is read for it and nothing is spent; the result is in RUN/audit.json.
Neighbours: one step on records and on neighbours of them, with the same coins. The sum may move by the stated sensitivity, and
nothing else may change. Noise: of steps without records, its size, shape and independence. Sampling: who is drawn, how often,
and with whom. These take seconds, and sotto train --preflight does them before it reads a record into a step.
--replays R: the mechanism alone R times without a record and R times with the worst one. How often the release is over a
threshold bounds, from below, how far the record stands out of the noise.
--canaries M: all planned steps once more, with up to M worst-case records that are there or not by a coin each; from the
gradients that are released the audit guesses the coins. Epsilon is at least what so many right guesses need (Steinke, Nasr,
Jagielski 2023). More canaries see more: no bound is above about log(M). The records beside them are made up.
Exit code 0: nothing was found. 65: the step is not what is accounted for.
)";

}  // namespace

void add_audit_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code) {
  const auto job = std::make_shared<TrainingJob>();
  job->kind = TrainingJob::Kind::audit;
  job->out = &out;
  job->err = &err;
  const auto run = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("audit", "Attack the private step of a run, to find out whether it is one");
  command->footer(kAuditExample);
  command->add_option("run", *run, "Folder of the run")->type_name("RUN")->required();
  AuditFlags& flags = job->audit;
  command->add_option("--replays", flags.replays, "Replay the mechanism so often on either side, 100 or more")
      ->type_name("R");
  command->add_option("--canaries", flags.canaries, "Run all planned steps with so many canaries, 20 or more")
      ->type_name("M");
  command
      ->add_option("--records", flags.records,
                   "Made-up records beside the canaries [as many as are declared, 10000 at most]")
      ->type_name("N");
  command->add_option("--confidence", flags.confidence, "Of the bounds from replays and canaries, each [0.95]")
      ->type_name("C");
  command->add_flag("--json", job->json, "Print one JSON object on the standard output");
  command->callback([=, &exit_code] {
    const AuditFlags& typed = job->audit;
    if (command->count("--replays") > 0) check_range("--replays", typed.replays, kFewestReplays, kMostReplays);
    if (command->count("--canaries") > 0) check_range("--canaries", typed.canaries, kFewestCanaries, kMostCanaries);
    if (command->count("--records") > 0) check_range("--records", typed.records, 0, int64_t{1} << 40);
    if (typed.canaries == 0 && command->count("--records") > 0)
      throw UsageError("[audit] --records has no effect without --canaries");
    if (typed.canaries == 0 && typed.replays == 0 && command->count("--confidence") > 0)
      throw UsageError("[audit] --confidence has no effect without --replays or --canaries");
    if (!(typed.confidence > 0 && typed.confidence < 1))
      throw UsageError(fmt::format("[--confidence] bad value: {}; must be in (0, 1)", typed.confidence));
    job->run = *run;
    job->options = run_options(RunFolder(*run));
    job->device = choose_device(job->options.device, *job->err);
    exit_code = run_training_job(*job);
  });
}

}  // namespace sotto::tools

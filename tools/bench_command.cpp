#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/bench_account_command.h>
#include <sotto/tools/bench_command.h>
#include <sotto/tools/bench_costs_command.h>
#include <sotto/tools/cost_figures.h>
#include <sotto/tools/flag_checks.h>
#include <sotto/tools/matmul_switch.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/training_library.h>

#include <memory>
#include <ostream>
#include <string>

namespace sotto::tools {
namespace {

constexpr const char* kBenchExample = R"(Example:
  $ sotto bench step --model cnn --threads 2 --json

A step is reading the records, forward pass, gradient, noise and charge where private, and the SGD update, on made-up records. Plain and
private steps alternate; ratio_time is the median of private / plain over the pairs, ratio_peak_memory compares the most
bytes held through LibTorch's allocator during one step of each kind. With --matmul fast both steps of a pair run with the
switch; the program then starts itself once more with --matmul stock and the same numbers, and ratio_time_stock is the
median private step with the switch divided by the median plain step without: the two are measured one after the other,
not in pairs. With --matmul stock ratio_time_stock is ratio_time. With --device cuda a step is over when the device has
finished it, phases are the time that it takes to queue them, and memory is the device's. The ledger's line is what a step
spends on writing its record and on waiting for the disk of the temporary files (TMPDIR), and the share of it in the step.
)";

}  // namespace

void add_bench_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code) {
  const auto job = std::make_shared<TrainingJob>();
  job->kind = TrainingJob::Kind::bench_step;
  job->out = &out;
  job->err = &err;

  CLI::App* bench = app.add_subcommand("bench", "Measure what privacy costs on this machine");
  bench->require_subcommand(1);
  add_bench_account_command(*bench, out);
  add_bench_costs_command(*bench, out, err, exit_code);
  CLI::App* step = bench->add_subcommand("step", "A private training step against a plain one");
  step->footer(kBenchExample);
  step->add_option("--model", job->bench.model, "mlp, cnn, resnet20, encoder, lstm, embedding-bag or minilm")
      ->type_name("NAME")
      ->required();
  step->add_option("--adapt", job->bench.adapt,
                   "What is trained of minilm besides its head: full, lora, bitfit or head (nothing) [full]")
      ->type_name("WAY");
  step->add_option("--batch", job->bench.batch, "Records per step [the model's own: 512, 512, 128, 16, 64, 256, 16]")
      ->type_name("N");
  const auto memory = std::make_shared<std::string>("0");
  step->add_option(
          "--memory", *memory,
          "What the private step may hold from the forward pass to the weighted sum, 2GiB for example [a fifth "
          "more than the plain step holds]")
      ->type_name("BYTES");
  step->add_option("--kernel-costs", job->bench.kernel_costs, std::string(kKernelCostsHelp) + " [measured]")
      ->type_name("COSTS");
  step->add_option("--pairs", job->bench.pairs, "Measured pairs of steps, 7 to 1000 [9]")->type_name("N");
  step->add_option("--threads", job->bench.threads, "Threads of LibTorch [all cores]")->type_name("N");
  step->add_option("--matmul", job->bench.matmul, std::string(kMatmulHelp) + " [stock]")->type_name("WAY");
  step->add_option("--noise", job->bench.noise,
                   "normal; or discrete: integers, summed and noised exactly, record by record [normal]")
      ->type_name("KIND");
  step->add_option("--device", job->bench.device, std::string(kDeviceHelp) + " [cpu]")->type_name("DEVICE");
  step->add_flag("--json", job->json, "Print one JSON object on the standard output");
  step->callback([job, memory, step, &exit_code] {
    if (step->count("--batch") > 0 && job->bench.batch < 1)
      throw UsageError(fmt::format("[--batch] bad value: {}; must be at least 1", job->bench.batch));
    job->bench.memory_bytes = parse_bytes("--memory", *memory);
    parse_cost_figures("--kernel-costs", job->bench.kernel_costs);
    check_choice("--noise", job->bench.noise, {"normal", "discrete"});
    if (job->bench.noise == "discrete" && job->bench.device != "cpu")
      throw UsageError("[--noise] discrete noise is drawn on the processor only: leave --device out");
    job->device = choose_device(job->bench.device, *job->err);
    exit_code = run_training_job(*job);
  });
}

}  // namespace sotto::tools

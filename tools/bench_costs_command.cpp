#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/bench_costs_command.h>
#include <sotto/tools/matmul_switch.h>
#include <sotto/tools/training_library.h>

#include <memory>
#include <ostream>
#include <string>

namespace sotto::tools {
namespace {

constexpr const char* kBenchCostsExample = R"(Example:
  $ sotto bench costs --refresh

What this machine does in a second, measured on made-up numbers once and kept in sotto/kernel_costs.json in the cache folder
(XDG_CACHE_HOME, or ~/.cache), for each processor, number of threads, --matmul and version. By these figures `sotto train`
chooses how norms and sums are computed; a run keeps those that it began with.
)";

constexpr int kMaxThreads = 1024;

}  // namespace

void add_bench_costs_command(CLI::App& bench, std::ostream& out, std::ostream& err, int& exit_code) {
  const auto job = std::make_shared<TrainingJob>();
  job->kind = TrainingJob::Kind::bench_costs;
  job->out = &out;
  job->err = &err;

  CLI::App* command = bench.add_subcommand("costs", "What strategies are chosen by: this machine's speed");
  command->footer(kBenchCostsExample);
  command->add_flag("--refresh", job->bench.refresh, "Measure again");
  command->add_option("--threads", job->bench.threads, "Threads of LibTorch [all cores]")->type_name("N");
  command->add_option("--matmul", job->bench.matmul, std::string(kMatmulHelp) + " [stock]")->type_name("WAY");
  command->add_flag("--json", job->json, "Print one JSON object on the standard output");
  command->callback([job, &exit_code] {
    if (job->bench.threads < 0 || job->bench.threads > kMaxThreads)
      throw UsageError(fmt::format("[--threads] bad value: {}; allowed is 0 to {}", job->bench.threads, kMaxThreads));
    exit_code = run_training_job(*job);
  });
}

}  // namespace sotto::tools

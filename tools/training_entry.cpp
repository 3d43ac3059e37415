// The two functions that the program looks up in libsotto_train.so; see training_job.h.

#include <ATen/Parallel.h>
#include <sotto/benchmarks/step_benchmark.h>
#include <sotto/optim/libtorch_message.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/dry_run.h>
#include <sotto/tools/evaluate_run.h>
#include <sotto/tools/explain_job.h>
#include <sotto/tools/export_run.h>
#include <sotto/tools/import_model.h>
#include <sotto/tools/machine_costs.h>
#include <sotto/tools/predict_run.h>
#include <sotto/tools/run_device.h>
#include <sotto/tools/training_job.h>
#include <sotto/tools/training_run.h>

#include <exception>
#include <ostream>
#include <string>

namespace {

using namespace sotto;
using tools::TrainingJob;

void bench_step(const TrainingJob& job) {
  // What is chosen by the costs of this many threads.
  if (job.bench.threads > 0) at::set_num_threads(job.bench.threads);
  const tools::CostFigures costs = tools::chosen_costs(job.bench.kernel_costs, job.bench.matmul, *job.err);
  const benchmarks::StepBenchmarkResult result =
      benchmarks::run_step_benchmark({.model = job.bench.model,
                                      .adapt = job.bench.adapt,
                                      .batch = job.bench.batch,
                                      .memory_bytes = job.bench.memory_bytes,
                                      .pairs = job.bench.pairs,
                                      .threads = job.bench.threads,
                                      .device = tools::run_device(job.device, *job.err),
                                      .matmul = job.bench.matmul,
                                      .costs = tools::to_kernel_costs(costs),
                                      .noise = privacy::parse_noise(job.bench.noise)});
  *job.out << (job.json ? benchmarks::to_json(result) + "\n" : benchmarks::to_text(result));
}

ExitCode run(const TrainingJob& job) {
  switch (job.kind) {
    case TrainingJob::Kind::train:
      return tools::TrainingRun(job).train();
    case TrainingJob::Kind::dry_run:
      tools::dry_run(job);
      return ExitCode::done;
    case TrainingJob::Kind::resume:
      return tools::TrainingRun(job).resume();
    case TrainingJob::Kind::evaluate:
      tools::evaluate_run(job);
      return ExitCode::done;
    case TrainingJob::Kind::predict:
      tools::predict_run(job);
      return ExitCode::done;
    case TrainingJob::Kind::export_model:
      tools::export_run(job);
      return ExitCode::done;
    case TrainingJob::Kind::import_model:
      tools::import_model(job);
      return ExitCode::done;
    case TrainingJob::Kind::bench_step:
      bench_step(job);
      return ExitCode::done;
    case TrainingJob::Kind::bench_costs:
      tools::print_machine_costs(job);
      return ExitCode::done;
    case TrainingJob::Kind::explain:
      return tools::explain_model_job(job);
    case TrainingJob::Kind::audit:
      return tools::TrainingRun(job).audit();
  }
  throw InternalError("[sotto_training_run] unknown kind of job");
}

}  // namespace

extern "C" const char* sotto_training_version() {
  return SOTTO_TRAINING_INTERFACE;
}

extern "C" void sotto_training_run(const TrainingJob* job, tools::TrainingOutcome* outcome) {
  try {
    outcome->exit_code = static_cast<int>(run(*job));
  } catch (const tools::Diverged& error) {
    *outcome = {static_cast<int>(error.code()), error.what(), true};
  } catch (const Error& error) {
    *outcome = {static_cast<int>(error.code()), error.what()};
  } catch (const std::bad_alloc&) {
    *outcome = {static_cast<int>(ExitCode::internal), "out of memory; try a smaller --physical-batch"};
  } catch (const std::exception& error) {
    *outcome = {static_cast<int>(ExitCode::internal), optim::libtorch_message(error)};
  }
}

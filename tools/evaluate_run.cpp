#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/state.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/tools/evaluate_run.h>
#include <sotto/tools/run_device.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/training_data.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

namespace sotto::tools {
namespace {

// A run that was resumed and then killed has a ledger that says more than its certificate.
void warn_of_stale_certificate(const RunFolder& folder, std::ostream& err) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder.ledger(), ignored) || !std::filesystem::exists(folder.certificate(), ignored))
    return;
  std::ifstream file(folder.certificate(), std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (privacy::parse_certificate(text.str()).ledger_head_hash == privacy::read_ledger(folder.ledger()).head_hash)
    return;
  err << fmt::format(
      "sotto: warning: the ledger of {} went on after certificate.json and the model were written; "
      "finish the run with 'sotto resume {}' before you quote either\n",
      folder.path().string(), folder.path().string());
}

}  // namespace

void evaluate_run(const TrainingJob& job) {
  const optim::StepDevice device = run_device(job.device, *job.err);
  const TrainingPlan plan = make_training_plan(job.options);
  auto test = read_test_data(job.options, plan);
  if (!test) throw UsageError("[evaluate] this run has no test data: give --test-images or --test-table");
  const RunFolder folder(job.run);
  std::error_code ignored;
  if (!std::filesystem::exists(folder.model(), ignored))
    throw UsageError(fmt::format("[evaluate] {} holds no model yet; finish the run with 'sotto resume {}'",
                                 job.run.string(), job.run.string()));
  warn_of_stale_certificate(folder, *job.err);
  const RecordShape shape = record_shape(*test, plan);
  const auto model = make_model(job.options.model, run_model_bytes(folder, job.options), shape);
  {
    const at::NoGradGuard no_grad;
    try {
      models::load_state(folder.model(), model->state());
    } catch (const DataError& error) {
      throw DataError(fmt::format("[evaluate] the model of this run does not take records of sizes [{}]: {}",
                                  fmt::join(shape.sizes, ", "), error.what()));
    }
  }
  const RecordShape prepared = prepared_shape(*model, shape);
  prepare(*model, *test);
  model->move_to(device.where());
  output_sizes(*model, prepared, 2);
  const int64_t records = test->labels.size(0);
  models::Hits hits;
  run_model(job.options.model, Told::whole, [&] { hits = count_hits(*model, *test); });
  const double accuracy = static_cast<double>(hits.correct) / static_cast<double>(hits.labels);
  if (job.json) {
    nlohmann::ordered_json object = {
        {"accuracy", accuracy}, {"correct", hits.correct}, {"test_records", records}, {"run", job.run.string()}};
    if (!plan.not_private.empty()) object["not_private"] = plan.not_private;
    *job.out << object.dump(2) << '\n';
    return;
  }
  if (!plan.not_private.empty()) *job.out << "NOT PRIVATE: " << plan.not_private << '\n';
  *job.out << fmt::format("test accuracy     {:.4f} ({} of {} {}, treated as public)\n", accuracy, hits.correct,
                          hits.labels, hits.labels == records ? "records" : "tokens");
}

}  // namespace sotto::tools

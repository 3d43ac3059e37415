#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/evaluate_run.h>
#include <sotto/tools/run_device.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/test_result.h>
#include <sotto/tools/text_source.h>
#include <sotto/tools/text_tensors.h>
#include <sotto/tools/trained_model.h>
#include <sotto/tools/training_data.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

namespace sotto::tools {
namespace {

struct LoadedRun {
  RecordTensors test;
  std::unique_ptr<models::TrainableModel> model;
  RecordShape prepared;
};

LoadedRun load_run(const RunFolder& folder, const TrainOptions& options, const TrainingPlan& plan, std::ostream& err) {
  std::optional<RecordTensors> test;
  std::unique_ptr<models::TrainableModel> model;
  RecordShape shape;
  if (plan.data.text) {
    if (tests_are_the_records(options))
      err << "sotto: warning: these are the records that the run was trained on: what is told of them is private\n";
    const TextSource source = run_text_source(folder, options, *plan.data.text, false);
    test = test_texts(*plan.data.text, options.dataset, source.tokenizer);
    shape = text_shape(*plan.data.text, source.tokenizer);
    if (test) model = make_text_model(source, options, plan);
  } else {
    test = read_test_data(options, plan);
    if (test) shape = record_shape(*test, plan);
    if (test) model = make_model(options, run_model_bytes(folder, options), shape);
  }
  if (!test)
    throw UsageError(fmt::format("[evaluate] this run has no test data: give {}",
                                 plan.data.text ? "--test-data" : "--test-images or --test-table"));
  load_weights("evaluate", folder, shape, *model);
  const RecordShape prepared = prepared_shape(*model, shape);
  return {std::move(*test), std::move(model), prepared};
}

}  // namespace

void evaluate_run(const TrainingJob& job) {
  const optim::StepDevice device = run_device(job.device, *job.err);
  const TrainingPlan plan = make_training_plan(job.options);
  const RunFolder folder(job.run);
  require_model("evaluate", folder);
  warn_of_unfinished(folder, *job.err);
  LoadedRun run = load_run(folder, job.options, plan, *job.err);
  prepare(*run.model, run.test);
  run.model->move_to(device.where());
  output_sizes(*run.model, run.prepared, 2);
  TestResult result;
  run_model(job.options.model, Told::whole, [&] { result = measure(*run.model, run.test, plan.data); });
  if (job.json) {
    nlohmann::ordered_json object;
    add_to(object, result);
    if (!result.regression) {
      object["correct"] = result.hits.correct;
      object["classes"] = classes_to_json(result);
    }
    object["test_records"] = result.records;
    object["run"] = job.run.string();
    if (!plan.not_private.empty()) object["not_private"] = plan.not_private;
    *job.out << object.dump(2) << '\n';
    return;
  }
  if (!plan.not_private.empty()) *job.out << "NOT PRIVATE: " << plan.not_private << '\n';
  const models::Hits& hits = result.hits;
  *job.out << aligned(result)
           << (result.regression ? fmt::format(" ({} records, treated as public)\n", result.records)
                                 : fmt::format(" ({} of {} {}, treated as public)\n", hits.correct, hits.labels,
                                               hits.labels == result.records ? "records" : "tokens"))
           << table_of_classes(result);
}

}  // namespace sotto::tools

#include <sotto/tools/config_file.h>
#include <sotto/tools/dry_run.h>
#include <sotto/tools/lora_flags.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/run_inputs.h>
#include <sotto/tools/run_model.h>
#include <sotto/tools/run_report.h>
#include <sotto/tools/training_plan.h>
#include <sotto/tools/training_plan_text.h>

#include <nlohmann/json.hpp>
#include <ostream>

namespace sotto::tools {
namespace {

nlohmann::ordered_json to_json(const TrainOptions& options, const TrainingPlan& plan) {
  nlohmann::ordered_json object = {{"dry_run", true}};
  add_budget(object, plan);
  object["steps_planned"] = plan.steps;
  object["settings"] = nlohmann::ordered_json::object();
  for (const TrainKey& key : train_keys())
    if (const auto value = key.get(options)) object["settings"][key.name] = *value;
  if (!plan.not_private.empty()) object["not_private"] = plan.not_private;
  return object;
}

}  // namespace

void dry_run(const TrainingJob& job) {
  const TrainingPlan plan = make_training_plan(job.options);
  const RunInputs inputs = read_run_inputs(job, plan, RunFolder(job.run));
  output_sizes(*inputs.model, prepared_shape(*inputs.model, inputs.shape), 2);
  const TrainOptions options = with_lora(resolved(job.options, plan));
  (job.json ? *job.err : *job.out) << describe(job.options, plan) << "settings\n"
                                   << format_config(options, "")
                                   << "dry run           records and model were read; nothing was trained, charged or "
                                      "written\n";
  if (job.json) *job.out << to_json(options, plan).dump(2) << '\n';
}

}  // namespace sotto::tools

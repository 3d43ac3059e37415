#include <sotto/tools/dry_run.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/run_inputs.h>
#include <sotto/tools/run_model.h>
#include <sotto/tools/training_plan.h>

#include <nlohmann/json.hpp>
#include <ostream>

namespace sotto::tools {
namespace {

nlohmann::ordered_json to_json(const TrainOptions& options, const TrainingPlan& plan) {
  nlohmann::ordered_json object = {{"dry_run", true}};
  object["epsilon"] = nullptr;
  if (plan.privacy) {
    if (plan.not_private.empty()) object["epsilon"] = plan.privacy->epsilon();
    object["delta"] = plan.privacy->delta();
    object["noise_multiplier"] = plan.privacy->noise_multiplier();
    object["sampling_rate"] = plan.privacy->sampling_rate();
  }
  object["steps_planned"] = plan.steps;
  object["rule"] = options.rule;
  object["model"] = options.model;
  if (!plan.not_private.empty()) object["not_private"] = plan.not_private;
  return object;
}

}  // namespace

void dry_run(const TrainingJob& job) {
  const TrainingPlan plan = make_training_plan(job.options);
  const RunInputs inputs = read_run_inputs(job, plan, RunFolder(job.run));
  output_sizes(*inputs.model, prepared_shape(*inputs.model, inputs.shape), 2);
  (job.json ? *job.err : *job.out) << describe(job.options, plan)
                                   << "dry run           records and model were read; nothing was trained, charged or "
                                      "written\n";
  if (job.json) *job.out << to_json(job.options, plan).dump(2) << '\n';
}

}  // namespace sotto::tools

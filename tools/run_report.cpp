#include <fmt/format.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/tools/run_report.h>
#include <sotto/tools/training_plan_text.h>

#include <nlohmann/json.hpp>

namespace sotto::tools {
namespace {

std::int64_t seconds(const RunReport& report) {
  return std::chrono::round<std::chrono::seconds>(report.time).count();
}

}  // namespace

void add_budget(nlohmann::ordered_json& object, const TrainingPlan& plan) {
  for (const char* name : {"epsilon", "delta", "noise_multiplier", "sampling_rate"}) object[name] = nullptr;
  if (!plan.privacy) return;
  if (plan.not_private.empty()) object["epsilon"] = planned_epsilon(plan);
  object["delta"] = plan.privacy->delta();
  object["noise_multiplier"] = plan.privacy->noise_multiplier();
  object["sampling_rate"] = plan.privacy->sampling_rate();
}

std::string to_json(const RunReport& report, bool finished) {
  nlohmann::ordered_json object;
  object["accuracy"] = nullptr;
  if (report.result) add_to(object, *report.result);
  add_budget(object, report.plan);
  if (report.plan.privacy && report.plan.privacy->evaluations()) {
    object["private_metrics"] = nullptr;
    if (report.private_metrics) add_to(object["private_metrics"], *report.private_metrics);
    if (report.plan.not_private.empty()) object["epsilon_of_steps_alone"] = report.plan.privacy->epsilon_of_steps();
    object["stopped_early"] = report.stopped_early;
  }
  object["epsilon_executed"] = nullptr;
  if (report.training != nullptr) {
    if (report.plan.not_private.empty())
      object["epsilon_executed"] = spent_epsilon(report.plan, report.training->ledger().spent());
    if (report.stopped_early)
      object["epsilon_executed_valid_only_if"] = privacy::certificate_text::kStoppedByOutputs;
    else if (!finished)
      object["epsilon_executed_valid_only_if"] = privacy::certificate_text::kStoppingCondition;
  }
  object["steps"] = report.steps;
  object["steps_planned"] = report.plan.steps;
  object["steps_applied"] = report.applied_steps;
  object["rule"] = report.job.options.rule;
  if (report.training != nullptr && report.training->rule().adaptive_clipping())
    object["clip_norm"] = report.training->clip_norm();
  object["model"] = report.job.options.model;
  object["device"] = report.device;
  object["matmul"] = report.job.options.matmul;
  object["seconds"] = seconds(report);
  object["run"] = report.folder.string();
  object["finished"] = finished;
  if (!report.plan.not_private.empty()) object["not_private"] = report.plan.not_private;
  return object.dump(2);
}

std::string to_text(const RunReport& report) {
  std::string text;
  if (!report.plan.not_private.empty()) text += fmt::format("NOT PRIVATE: {}\n", report.plan.not_private);
  if (report.result)
    text += fmt::format("{} on {} records, treated as public\n", aligned(*report.result), report.result->records);
  if (report.private_metrics)
    text += fmt::format("private metrics   {}, released through the budget\n", to_text(*report.private_metrics));
  if (report.stopped_early)
    text += fmt::format(
        "early stop        after {} of {} steps{}\n", report.steps, report.plan.steps,
        report.plan.not_private.empty()
            ? fmt::format("; to be quoted is epsilon {} at delta {}, of all that was planned",
                          shown_epsilon(report.job.options, planned_epsilon(report.plan)), report.plan.privacy->delta())
            : "");
  if (report.training != nullptr && report.plan.not_private.empty() && !report.stopped_early)
    text +=
        fmt::format("epsilon           {} at delta {}, for {} steps charged in the ledger\n",
                    shown_epsilon(report.job.options, spent_epsilon(report.plan, report.training->ledger().spent())),
                    report.plan.privacy->delta(), report.steps);
  if (report.training != nullptr && report.training->rule().adaptive_clipping())
    text += fmt::format("clip norm         {:.6g} after the last step, begun with {}; released, as the gradients are\n",
                        report.training->clip_norm(), report.training->rule().clip_norm());
  text += fmt::format("time              {} s\n", seconds(report));
  if (report.device != "cpu") text += fmt::format("device            {}\n", report.device);
  if (report.job.options.matmul != "stock") text += fmt::format("matmul            {}\n", report.job.options.matmul);
  text += fmt::format("run               {}: {}{}model.safetensors, metrics.jsonl\n", report.folder.string(),
                      report.training != nullptr ? "certificate.json, ledger.jsonl, " : "",
                      report.model_file ? "model.ts, " : "");
  return text;
}

}  // namespace sotto::tools

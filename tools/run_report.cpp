#include <fmt/format.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/tools/run_report.h>

#include <nlohmann/json.hpp>

namespace sotto::tools {
namespace {

std::int64_t seconds(const RunReport& report) {
  return std::chrono::round<std::chrono::seconds>(report.time).count();
}

}  // namespace

std::string to_json(const RunReport& report, bool finished) {
  nlohmann::ordered_json object;
  object["accuracy"] = nullptr;
  if (report.result) add_to(object, *report.result);
  object["epsilon"] = nullptr;
  object["epsilon_executed"] = nullptr;
  object["delta"] = nullptr;
  object["noise_multiplier"] = nullptr;
  object["sampling_rate"] = nullptr;
  if (report.training != nullptr) {
    const privacy::PrivacyPlan& plan = *report.plan.privacy;
    if (report.plan.not_private.empty()) {
      object["epsilon"] = plan.epsilon();
      object["epsilon_executed"] = report.training->epsilon();
    }
    if (!finished) object["epsilon_executed_valid_only_if"] = privacy::certificate_text::kStoppingCondition;
    object["delta"] = plan.delta();
    object["noise_multiplier"] = plan.noise_multiplier();
    object["sampling_rate"] = plan.sampling_rate();
  }
  object["steps"] = report.steps;
  object["steps_planned"] = report.plan.steps;
  object["steps_applied"] = report.applied_steps;
  object["rule"] = report.job.options.rule;
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
  if (report.training != nullptr && report.plan.not_private.empty())
    text += fmt::format("epsilon           {} at delta {}, for {} steps charged in the ledger\n",
                        shown_epsilon(report.job.options, report.training->epsilon()), report.plan.privacy->delta(),
                        report.steps);
  text += fmt::format("time              {} s\n", seconds(report));
  if (report.device != "cpu") text += fmt::format("device            {}\n", report.device);
  if (report.job.options.matmul != "stock") text += fmt::format("matmul            {}\n", report.job.options.matmul);
  text += fmt::format("run               {}: {}{}model.safetensors, metrics.jsonl\n", report.folder.string(),
                      report.training != nullptr ? "certificate.json, ledger.jsonl, " : "",
                      report.model_file ? "model.ts, " : "");
  return text;
}

}  // namespace sotto::tools

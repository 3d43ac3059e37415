// What a run measures on the way, on test records and on private ones, and whether it ends by what it told of these.

#include <sotto/privacy/planned_evaluations.h>
#include <sotto/tools/early_stop.h>
#include <sotto/tools/metrics_file.h>
#include <sotto/tools/privacy_options.h>
#include <sotto/tools/training_run.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

namespace sotto::tools {

bool TrainingRun::private_metrics_due() const {
  if (!private_ || !plan_.privacy->evaluations()) return false;
  return privacy::evaluations_due(plan_.privacy->evaluations()->count, steps_done(), plan_.steps) >
         private_->ledger().contents().evaluations_charged;
}

void TrainingRun::read_released_metrics() {
  std::error_code ignored;
  if (job_.options.stop_early && std::filesystem::exists(folder_.metrics(), ignored))
    released_ = released_accuracies(folder_.metrics());
}

bool TrainingRun::stops_early() const {
  if (!job_.options.stop_early || steps_done() >= plan_.steps) return false;
  const double deviation =
      privacy::metric_deviation(plan_.privacy->evaluations()->noise_multiplier, plan_.privacy->dataset_size());
  return nothing_better(released_, deviation, *job_.options.stop_early);
}

std::optional<TestResult> TrainingRun::tested() {
  std::optional<TestResult> result;
  if (inputs_.test)
    run_model(job_.options.model, Told::whole, [&] { result = measure(model(), *inputs_.test, plan_.data); });
  return result;
}

std::optional<TestResult> TrainingRun::evaluate() {
  const std::optional<TestResult> result = tested();
  const bool is_private = private_metrics_due();
  if (is_private)
    run_model(job_.options.model, Told::without_its_words,
              [&] { last_metrics_ = private_metrics(*private_, model(), largest_loss(plan_.data)); });
  nlohmann::ordered_json line = {{"step", steps_done()}, {"epsilon_spent", nullptr}, {"accuracy", nullptr}};
  if (private_ && plan_.not_private.empty()) line["epsilon_spent"] = spent_epsilon(plan_, private_->ledger().spent());
  if (const auto clip_norm = adaptive_clip_norm()) line["clip_norm"] = *clip_norm;
  if (result) add_to(line, *result);
  if (is_private) add_to(line, *last_metrics_);
  if (!plan_.not_private.empty()) line["not_private"] = plan_.not_private;
  append_metrics(folder_.metrics(), line.dump());
  if (is_private) released_.push_back(last_metrics_->accuracy);
  return result;
}

}  // namespace sotto::tools

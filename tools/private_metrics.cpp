#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <fmt/format.h>
#include <sotto/models/record_losses.h>
#include <sotto/tools/learning_curve.h>
#include <sotto/tools/private_metrics.h>

#include <nlohmann/json.hpp>
#include <numbers>

namespace sotto::tools {
namespace {

// Off again whatever happens: training goes on in the mode in which the model came.
class EvaluationMode {
 public:
  explicit EvaluationMode(models::TrainableModel& model) : model_(model) { model_.set_evaluation(true); }
  ~EvaluationMode() { model_.set_evaluation(false); }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  models::TrainableModel& model_;
};

optim::Vectors metric_scores(models::TrainableModel& model) {
  return [&model](const std::vector<at::Tensor>& inputs) { return model.forward(inputs[0]); };
}

}  // namespace

at::Tensor metric_rows(const at::Tensor& scores, const at::Tensor& labels, double largest_loss) {
  const at::Tensor losses = models::record_losses(scores, labels).to(at::kDouble);
  const at::Tensor bounded =
      at::where(losses.isfinite(), losses.clamp(0, largest_loss), at::full_like(losses, largest_loss));
  at::Tensor found = scores.argmax(-1).eq(labels).to(at::kDouble);
  if (labels.dim() > 1) {
    const at::Tensor parts = labels.ne(models::kNoPart).to(at::kDouble);
    found = (found * parts).sum(1) / parts.sum(1).clamp_min(1);
  }
  return at::stack({found, bounded / largest_loss}, 1) / std::numbers::sqrt2;
}

PrivateMetrics private_metrics(optim::PrivateTraining& training, models::TrainableModel& model, double largest_loss) {
  const EvaluationMode evaluation(model);
  const optim::NoisySums noisy =
      training.evaluate(metric_scores(model), [&](const at::Tensor& scores, const std::vector<at::Tensor>& inputs) {
        return metric_rows(scores, inputs[1], largest_loss);
      });
  const privacy::PrivacyPlan& plan = training.plan();
  const double unit = std::numbers::sqrt2 / noisy.size;
  const double deviation = privacy::metric_deviation(plan.evaluations().value().noise_multiplier, plan.dataset_size());
  return {.evaluation = noisy.number,
          .accuracy = noisy.sums[0] * unit,
          .accuracy_deviation = deviation,
          .loss = noisy.sums[1] * unit * largest_loss,
          .loss_deviation = deviation * largest_loss};
}

void examine_private_metrics(optim::PrivateTraining& training, models::TrainableModel& model) {
  const EvaluationMode evaluation(model);
  training.examine_evaluation(metric_scores(model));
}

std::string to_text(const PrivateMetrics& metrics) {
  return fmt::format("private accuracy {:.4f} +- {:.2g}, private loss {:.4f} +- {:.2g}", metrics.accuracy,
                     metrics.accuracy_deviation, metrics.loss, metrics.loss_deviation);
}

void add_to(nlohmann::ordered_json& object, const PrivateMetrics& metrics) {
  object[kPrivateEvaluation] = metrics.evaluation;
  object[kPrivateAccuracy] = metrics.accuracy;
  object[fmt::format("{}{}", kPrivateAccuracy, kDeviationEnding)] = metrics.accuracy_deviation;
  object[kPrivateLoss] = metrics.loss;
  object[fmt::format("{}{}", kPrivateLoss, kDeviationEnding)] = metrics.loss_deviation;
}

}  // namespace sotto::tools

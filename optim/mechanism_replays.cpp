#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/optim/mechanism_replays.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace sotto::optim {
namespace {

using Tensors = std::vector<at::Tensor>;

constexpr int64_t kFewestReplays = 100, kMostReplays = 1'000'000'000;
constexpr int64_t kStepsOfARun = 10'000;  // then another, with other keys
constexpr double kGradient = 1e6;         // of the record, in units of the sensitivity

// One number for each group, and the gradient of a record is the same for all of them.
AuditedTraining of_the_mechanism(const AuditedTraining& training) {
  const privacy::PrivacyPlan& plan = training.options.plan;
  AuditedTraining result = of_one_number(training);
  result.parameters.clear();
  std::vector<at::Tensor> numbers;
  for (int64_t group = 0; group < training.options.rule.group_count(); ++group) {
    numbers.push_back(at::zeros({1}, at::TensorOptions(at::kFloat).device(training.options.tape.device.where())));
    numbers.back().requires_grad_(true);
    result.parameters.push_back({fmt::format("number {}", group), numbers.back()});
    if (training.options.rule.per_group()) result.groups.push_back(static_cast<size_t>(group));
  }
  result.options.rule = training.options.rule;
  result.options.tape.device = training.options.tape.device;
  result.options.plan = privacy::PrivacyPlan({.adjacency = plan.adjacency(),
                                              .dataset_size = 1,
                                              .expected_batch_size = 1,
                                              .steps = kStepsOfARun,
                                              .delta = plan.delta(),
                                              .noise_multiplier = plan.noise_multiplier()});
  const double gradient = kGradient * training.options.rule.sensitivity();
  result.losses = [numbers, gradient](const Tensors& inputs) {
    at::Tensor loss = inputs[0].mul(numbers[0]);
    for (size_t group = 1; group < numbers.size(); ++group) loss = loss + inputs[0].mul(numbers[group]);
    return loss.squeeze(1).mul(gradient);
  };
  return result;
}

Records ones(int64_t count) {
  Records result;
  result.count = count;
  result.specs = {{.sizes = {1}}};
  result.fetch = [](const at::Tensor& indices) { return Tensors{at::zeros({indices.numel(), 1}).add_(1)}; };
  return result;
}

std::vector<double> values(const Tensors& released) {
  std::vector<double> result;
  for (const at::Tensor& tensor : released) result.push_back(tensor.item<double>());
  return result;
}

// What the record adds to the sum, as a vector of length 1: the difference of two releases with the same coins.
std::vector<double> direction(const AuditedTraining& training) {
  AuditRun without(training, ones(0), 1), with(training, ones(1), 1);
  const std::vector<double> a = values(without.step());
  std::vector<double> result = values(with.step());
  double squares = 0;
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] -= a[i];
    squares += result[i] * result[i];
  }
  if (!(squares > 0)) throw InternalError("[replay_mechanism] the record moves the sum by nothing");
  for (double& value : result) value /= std::sqrt(squares);
  return result;
}

}  // namespace

MechanismReplays replay_mechanism(const AuditedTraining& training, const MechanismReplaysOptions& options) {
  if (options.replays < kFewestReplays || options.replays > kMostReplays)
    throw UsageError(
        fmt::format("[replay_mechanism] replays: {}; must be {} to {}", options.replays, kFewestReplays, kMostReplays));
  if (!(options.confidence > 0 && options.confidence < 1))
    throw UsageError(fmt::format("[replay_mechanism] confidence: {}; must be in (0, 1)", options.confidence));
  const AuditedTraining audited = of_the_mechanism(training);
  const std::vector<double> along = direction(audited);
  std::vector<double> scores[2];  // of D, of D'
  for (int64_t done = 0; done < options.replays; done += kStepsOfARun) {
    const int64_t steps = std::min(kStepsOfARun, options.replays - done);
    for (int64_t records = 0; records < 2; ++records) {
      AuditRun run(audited, ones(records), std::nullopt);
      for (int64_t step = 0; step < steps; ++step) {
        const std::vector<double> released = values(run.step());
        double score = 0;
        for (size_t i = 0; i < along.size(); ++i) score += along[i] * released[i];
        scores[records].push_back(score);
      }
      if (options.progress) options.progress(2 * done + (records + 1) * steps, 2 * options.replays);
    }
  }
  const auto selection = static_cast<size_t>(options.replays / 10);
  return {.audit = privacy::threshold_audit(scores[1], scores[0], selection, privacy::ReplayTarget::mu,
                                            training.options.plan.delta(), 1 - options.confidence),
          .confidence = options.confidence,
          .mu = 1 / training.options.plan.noise_multiplier()};
}

}  // namespace sotto::optim

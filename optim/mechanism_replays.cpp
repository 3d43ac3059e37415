#include <ATen/ops/embedding.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/optim/mechanism_replays.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace sotto::optim {
namespace {

using Tensors = std::vector<at::Tensor>;

constexpr int64_t kFewestReplays = 100, kMostReplays = 1'000'000'000;
constexpr int64_t kOfAStep = 10'000;       // replays, at most
constexpr int64_t kPhysicalBatch = 1'000;  // at most
constexpr double kGradient = 1e6;          // of a record, in units of the sensitivity

// `width` numbers for each group; the gradient of record i is at number i of every group.
AuditedTraining of_the_mechanism(const AuditedTraining& training, int64_t width) {
  const privacy::PrivacyPlan& plan = training.options.plan;
  AuditedTraining result = of_one_number(training);
  result.parameters.clear();
  std::vector<at::Tensor> numbers;
  for (int64_t group = 0; group < training.options.rule.group_count(); ++group) {
    const auto options = at::TensorOptions(at::kFloat).device(training.options.tape.device.where());
    numbers.push_back(at::zeros({width, 1}, options));
    numbers.back().requires_grad_(true);
    result.parameters.push_back({fmt::format("numbers {}", group), numbers.back()});
    if (training.options.rule.per_group()) result.groups.push_back(static_cast<size_t>(group));
  }
  result.options.inputs = {{.sizes = {}, .dtype = at::kLong, .vocabulary = width}};
  result.options.rule = training.options.rule;
  result.options.tape.device = training.options.tape.device;
  result.options.physical_batch = std::min(width, kPhysicalBatch);
  result.options.plan = privacy::PrivacyPlan({.adjacency = plan.adjacency(),
                                              .dataset_size = width,
                                              .expected_batch_size = width,
                                              .steps = 1,
                                              .delta = plan.delta(),
                                              .noise_multiplier = plan.noise_multiplier()});
  const double gradient = kGradient * training.options.rule.first_bound();
  result.losses = [numbers, gradient](const Tensors& inputs) {
    at::Tensor loss = at::embedding(numbers[0], inputs[0]);
    for (size_t group = 1; group < numbers.size(); ++group) loss = loss + at::embedding(numbers[group], inputs[0]);
    return loss.squeeze(1).mul(gradient);
  };
  return result;
}

// Record i is the number i.
Records numbered(int64_t count, const std::vector<InputSpec>& specs) {
  Records result;
  result.count = count;
  result.specs = specs;
  result.fetch = [](const at::Tensor& indices) { return Tensors{indices}; };
  return result;
}

// What is released of number i of every group, for all i. A count is of all records of the step, and not of one replay.
Tensors released(const AuditedTraining& training, bool with_records, std::optional<uint64_t> seed) {
  AuditRun run(training, numbered(with_records ? training.options.plan.dataset_size() : 0, training.options.inputs),
               seed);
  Tensors numbers = run.step();
  numbers.resize(training.parameters.size());
  return numbers;
}

double noise_multiplier_of_sum(const AuditedTraining& training) {
  const double all = training.options.plan.noise_multiplier();
  const std::optional<AdaptiveClipping>& clipping = training.options.rule.adaptive_clipping();
  return clipping ? privacy::gradient_noise_beside_count(all, clipping->count_noise) : all;
}

// What record 0 adds to the sum, of every group, as a vector of length 1: the difference of two releases with the same
// coins.
std::vector<double> direction(const AuditedTraining& training) {
  const Tensors without = released(training, false, 1), with = released(training, true, 1);
  std::vector<double> result;
  double squares = 0;
  for (size_t group = 0; group < with.size(); ++group) {
    result.push_back(with[group].const_data_ptr<double>()[0] - without[group].const_data_ptr<double>()[0]);
    squares += result.back() * result.back();
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
  const AuditedTraining audited = of_the_mechanism(training, std::min(options.replays, kOfAStep));
  const std::vector<double> along = direction(audited);
  std::vector<double> scores[2];  // of D, of D'
  for (int64_t done = 0; done < options.replays; done += kOfAStep) {
    const int64_t count = std::min(kOfAStep, options.replays - done);
    for (int64_t side = 0; side < 2; ++side) {
      const Tensors numbers = released(audited, side == 1, std::nullopt);
      for (int64_t i = 0; i < count; ++i) {
        double score = 0;
        for (size_t group = 0; group < along.size(); ++group)
          score += along[group] * numbers[group].const_data_ptr<double>()[i];
        scores[side].push_back(score);
      }
      if (options.progress) options.progress(2 * done + (side + 1) * count, 2 * options.replays);
    }
  }
  const auto selection = static_cast<size_t>(options.replays / 10);
  return {.audit = privacy::threshold_audit(scores[1], scores[0], selection, privacy::ReplayTarget::mu,
                                            training.options.plan.delta(), 1 - options.confidence),
          .confidence = options.confidence,
          .mu = 1 / noise_multiplier_of_sum(training)};
}

}  // namespace sotto::optim

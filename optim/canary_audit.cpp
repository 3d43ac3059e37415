#include <ATen/TensorOperators.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/optim/canary_audit.h>
#include <sotto/privacy/binomial_limits.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/random_stream.h>

#include <algorithm>

namespace sotto::optim {
namespace {

using Tensors = std::vector<at::Tensor>;

constexpr int64_t kFewestCanaries = 20;
constexpr double kGradient = 1e4;  // in units of the (first) clip norm
// Shares of the canaries that are guessed to have taken part, and as many not: declared before any coin is seen.
constexpr double kShares[] = {0.02, 0.05, 0.1, 0.25, 0.5};

std::vector<uint8_t> coins(int64_t count) {
  privacy::RandomStream stream(privacy::SecretKey::from_operating_system(), "canaries");
  std::vector<uint8_t> result;
  for (int64_t i = 0; i < count; ++i) result.push_back(static_cast<uint8_t>(stream.next_u64() & 1));
  return result;
}

// `records` made-up ones, then the canaries that are there. Two inputs more: whether it is one, and which.
Records with_canaries(const std::vector<InputSpec>& specs, int64_t records, const std::vector<uint8_t>& there) {
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < there.size(); ++i)
    if (there[i] != 0) numbers.push_back(static_cast<int64_t>(i));
  Records result = made_up_records(specs, records + static_cast<int64_t>(numbers.size()), 1);
  result.fetch = [fetch = result.fetch, records, numbers = std::move(numbers)](const at::Tensor& indices) {
    Tensors inputs = fetch(indices);
    const int64_t batch = indices.numel();
    const at::Tensor is_canary = at::zeros({batch}), number = at::zeros({batch}, at::kLong);
    for (int64_t i = 0; i < batch; ++i) {
      const int64_t index = indices.const_data_ptr<int64_t>()[i];
      if (index < records) continue;
      is_canary.mutable_data_ptr<float>()[i] = 1;
      number.mutable_data_ptr<int64_t>()[i] = numbers[static_cast<size_t>(index - records)];
    }
    inputs.push_back(is_canary);
    inputs.push_back(number);
    return inputs;
  };
  return result;
}

// The run with the parameter more.
AuditedTraining with_parameter(const AuditedTraining& training, const at::Tensor& canaries) {
  AuditedTraining result = training;
  result.parameters.push_back({"canaries", canaries});
  if (!result.groups.empty()) result.groups.push_back(0);
  result.options.inputs.push_back({.sizes = {}});
  result.options.inputs.push_back({.sizes = {}, .dtype = at::kLong, .vocabulary = canaries.size(0)});
  const double gradient = kGradient * training.options.rule.first_bound();
  result.losses = [losses = training.losses, canaries, gradient](const Tensors& inputs) {
    const Tensors own(inputs.begin(), inputs.end() - 2);
    const at::Tensor& is_canary = inputs[inputs.size() - 2];
    const at::Tensor of_canary = at::embedding(canaries, inputs.back()).squeeze(1);
    const at::Tensor loss = losses(own);
    return loss * (1 - is_canary) + of_canary * is_canary * gradient;
  };
  return result;
}

}  // namespace

CanaryAudit audit_with_canaries(const AuditedTraining& training, const CanaryAuditOptions& options) {
  if (options.canaries < kFewestCanaries || options.canaries > privacy::kMostTrials)
    throw UsageError(fmt::format("[audit_with_canaries] canaries: {}; must be {} to {}", options.canaries,
                                 kFewestCanaries, privacy::kMostTrials));
  if (options.records < 0)
    throw UsageError(fmt::format("[audit_with_canaries] records: {}; must be at least 0", options.records));
  if (!(options.confidence > 0 && options.confidence < 1))
    throw UsageError(fmt::format("[audit_with_canaries] confidence: {}; must be in (0, 1)", options.confidence));
  const std::vector<uint8_t> there = coins(options.canaries);
  const at::Tensor canaries =
      at::zeros({options.canaries, 1}, at::TensorOptions(at::kFloat).device(training.options.tape.device.where()));
  canaries.requires_grad_(true);
  const AuditedTraining audited = with_parameter(training, canaries);
  std::vector<double> scores(there.size(), 0);
  {
    AuditRun run(audited, with_canaries(training.options.inputs, options.records, there), std::nullopt);
    const int64_t steps = training.options.plan.steps();
    for (int64_t step = 1; step <= steps; ++step) {
      const at::Tensor released = run.step().at(audited.parameters.size() - 1).contiguous();
      for (size_t i = 0; i < scores.size(); ++i) scores[i] += released.const_data_ptr<double>()[i];
      if (options.progress) options.progress(step, steps);
    }
  }
  std::vector<privacy::GuessNumbers> declared;
  for (const double share : kShares) {
    const auto guesses = std::max<int64_t>(1, static_cast<int64_t>(share * static_cast<double>(options.canaries)));
    declared.push_back({guesses, guesses});
  }
  const privacy::PrivacyPlan& plan = training.options.plan;
  return {.bound = privacy::best_one_run_epsilon_lower(scores, declared, there, plan.delta(), 1 - options.confidence),
          .canaries = options.canaries,
          .included = std::ranges::count(there, 1),
          .confidence = options.confidence,
          .epsilon = plan.epsilon()};
}

}  // namespace sotto::optim

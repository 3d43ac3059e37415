#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <fmt/format.h>
#include <sotto/optim/constant_draws.h>
#include <sotto/optim/libtorch_message.h>
#include <sotto/optim/one_record.h>
#include <sotto/optim/rule_comparison.h>
#include <sotto/optim/sum_dtype.h>

#include <algorithm>
#include <cmath>

namespace sotto::optim {
namespace {

struct Outcome {
  std::vector<double> norms;     // of each record
  std::vector<at::Tensor> sums;  // of each parameter
};

// Weights that tell the records of a sum apart.
at::Tensor weights_of(int64_t batch, at::Device device) {
  return at::arange(1, batch + 1, at::TensorOptions().dtype(at::kFloat).device(device)).reciprocal().unsqueeze(0);
}

Outcome run(Tape tape, const std::vector<at::Tensor>& inputs,
            const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses) {
  PerRecordGradients gradients = tape.run(copies(inputs), losses);
  Outcome outcome;
  const at::Tensor norms = gradients.squared_norms(0).computed.cpu().clamp_min(0.0).sqrt();
  outcome.norms.assign(norms.const_data_ptr<double>(), norms.const_data_ptr<double>() + norms.numel());
  for (const NamedParameter& parameter : tape.parameters()) outcome.sums.push_back(zero_sum(parameter.tensor));
  gradients.add_weighted(weights_of(gradients.batch(), outcome.sums.at(0).device()), outcome.sums);
  return outcome;
}

bool within_tolerance(double difference, double size, double largest) {
  return std::isfinite(difference) && difference <= std::max(kRuleTolerance * size, kRuleFloor * largest);
}

}  // namespace

RuleComparison compare_rules(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                             const std::vector<at::Tensor>& inputs,
                             const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                             TapeOptions options) {
  options.phase_ended = {};
  RuleComparison result;
  const ConstantDraws constant_draws;
  options.fallback = Fallback::none;
  const Outcome ours = run(Tape(parameters, constants, {}, options), inputs, losses);
  Outcome theirs;
  try {
    options.fallback = Fallback::per_record;
    theirs = run(Tape(parameters, constants, {}, options), inputs, losses);
  } catch (const std::exception& error) {
    result.notes.push_back(fmt::format(
        "per-record gradients were not compared with autograd: one record alone fails ({})", libtorch_message(error)));
    return result;
  }
  if (constant_draws.incomplete()) {
    result.notes.emplace_back(
        "per-record gradients were not compared with autograd: the model draws random numbers in a way that depends on "
        "the batch");
    return result;
  }
  const auto finite = [](const Outcome& outcome) {
    return std::all_of(outcome.norms.begin(), outcome.norms.end(), [](double norm) { return std::isfinite(norm); });
  };
  if (!finite(ours) && !finite(theirs)) {
    result.notes.emplace_back(
        "per-record gradients were not compared with autograd: those of made-up records are not finite");
    return result;
  }
  double largest = 0;
  for (size_t i = 0; i < ours.norms.size(); ++i) {
    const double size = std::max(ours.norms[i], theirs.norms[i]);
    largest = std::max(largest, size);
    if (!within_tolerance(std::abs(ours.norms[i] - theirs.norms[i]), size, 0)) {
      result.problems.push_back(
          fmt::format("[compare_rules] the norm of a made-up record's gradient is {:.6g} by the rules and {:.6g} by "
                      "autograd on that record alone; they may differ by {:g} of it: a rule is wrong",
                      ours.norms[i], theirs.norms[i], kRuleTolerance));
      break;
    }
  }
  for (size_t p = 0; p < parameters.size(); ++p) {
    const double difference = (ours.sums[p] - theirs.sums[p]).norm().item<double>();
    const double size = theirs.sums[p].norm().item<double>();
    if (within_tolerance(difference, size, largest)) continue;
    result.problems.push_back(fmt::format(
        "[compare_rules] the gradient of parameter {} on made-up records is not that of autograd with one "
        "record at a time: their difference has norm {:.3g}, the gradient has {:.3g} and may differ by {:g} of that; "
        "the rule of an operator that consumes it is wrong",
        parameters[p].name, difference, size, kRuleTolerance));
  }
  return result;
}

}  // namespace sotto::optim

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full_like.h>
#include <fmt/format.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/tape.h>
#include <sotto/optim/without_autocast.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

namespace sotto::optim {
namespace {

using torch::autograd::Edge;

struct EdgeHash {
  size_t operator()(const std::pair<torch::autograd::Node*, uint32_t>& key) const {
    return std::hash<void*>()(key.first) ^ (std::hash<uint32_t>()(key.second) << 1);
  }
};

}  // namespace

Tape::Tape(std::vector<NamedParameter> parameters, std::vector<at::Tensor> constants, std::vector<size_t> groups,
           TapeOptions options)
    : parameters_(std::move(parameters)),
      constants_(std::move(constants)),
      groups_(std::move(groups)),
      options_(options) {
  if (parameters_.empty()) throw UsageError("[Tape] the model has no trainable parameter");
  if (!(options_.loss_scale > 0.0) || !std::isfinite(options_.loss_scale)) {
    throw UsageError(fmt::format("[Tape] the loss scale is not a positive number: {}", options_.loss_scale));
  }
  if (groups_.empty()) groups_.assign(parameters_.size(), 0);
  if (groups_.size() != parameters_.size()) {
    throw UsageError(fmt::format("[Tape] groups must name one group per parameter: got {} for {} parameters",
                                 groups_.size(), parameters_.size()));
  }
  for (size_t group : groups_) group_count_ = std::max(group_count_, group + 1);
  std::set<const c10::TensorImpl*> seen;
  for (const NamedParameter& parameter : parameters_) {
    const at::Tensor& tensor = parameter.tensor;
    if (!tensor.defined() || !tensor.is_leaf() || !tensor.requires_grad()) {
      throw UsageError(fmt::format("[Tape] parameter {} must be a leaf tensor that requires grad", parameter.name));
    }
    if (tensor.scalar_type() != at::kFloat && tensor.scalar_type() != at::kDouble) {
      throw UsageError(fmt::format("[Tape] parameter {} has dtype {}: norms and sums need float or double",
                                   parameter.name, c10::toString(tensor.scalar_type())));
    }
    if (!seen.insert(tensor.unsafeGetTensorImpl()).second) {
      throw UsageError(fmt::format("[Tape] parameter {} is listed twice", parameter.name));
    }
  }
}

PerRecordGradients Tape::run(const std::vector<at::Tensor>& inputs,
                             const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                             const std::vector<bool>& active) {
  if (options_.fallback == Fallback::per_record) return run_one_by_one(inputs, losses, active);
  const FullPrecision full_precision;
  PerRecordGradients result;
  result.parameters_ = &parameters_;
  result.groups_ = &groups_;
  result.group_count_ = group_count_;
  result.chunk_bytes_ = options_.chunk_bytes;
  {
    at::AutoGradMode with_gradients(true);
    result.recording_ = record(
        parameters_, constants_, inputs, [&] { return losses(inputs); }, &verdicts_);
  }
  const auto ended = [&](std::string_view phase) {
    if (options_.phase_ended) options_.phase_ended(phase);
  };
  ended("forward");
  const WithoutAutocast without_autocast;
  Recording& recording = result.recording_;
  result.batch_ = recording.batch;

  at::NoGradGuard no_grad;
  at::Tensor seed = at::full_like(recording.losses, options_.loss_scale);
  if (!active.empty()) {
    if (static_cast<int64_t>(active.size()) != recording.batch) {
      throw UsageError(
          fmt::format("[Tape] the inputs hold {} records: {} were asked for", recording.batch, active.size()));
    }
    for (size_t i = 0; i < active.size(); ++i) {
      if (!active[i]) seed[static_cast<int64_t>(i)].zero_();
    }
  }
  // Uses of one operator (weight and bias) share its output's edge: captured once.
  std::vector<Edge> edges;
  std::unordered_map<std::pair<torch::autograd::Node*, uint32_t>, size_t, EdgeHash> place;
  for (const RecordedUse& use : recording.uses) {
    if (place.emplace(std::make_pair(use.output.function.get(), use.output.input_nr), edges.size()).second) {
      edges.push_back(use.output);
    }
  }
  const std::vector<at::Tensor> captured = torch::autograd::Engine::get_default_engine().execute(
      {torch::autograd::impl::gradient_edge(recording.losses)}, {seed}, /*keep_graph=*/false,
      /*create_graph=*/false, /*accumulate_grad=*/false, edges);

  ended("backward");
  for (size_t u = 0; u < recording.uses.size(); ++u) {
    RecordedUse& use = recording.uses[u];
    at::Tensor gradient = captured[place.at({use.output.function.get(), use.output.input_nr})];
    if (!gradient.defined()) {
      use.use.reset();  // this use has no influence on the losses
      continue;
    }
    const ParameterExpression& expression = recording.expressions[use.expression];
    if (!at::isFloatingType(gradient.scalar_type())) {
      throw UsageError(fmt::format("[Tape] operator {} uses parameter {} in dtype {}: norms and sums need real numbers",
                                   use.operator_name, expression.parameter_names,
                                   c10::toString(gradient.scalar_type())));
    }
    // What a layer in half precision hands out is divided, multiplied and summed in the parameter's own dtype.
    gradient = gradient.to(parameters_[*expression.parameters.begin()].tensor.scalar_type());
    use.use->bind(options_.loss_scale == 1.0 ? gradient : gradient / options_.loss_scale);
  }
  recording.losses.reset();
  result.collect_uses({options_.force_strategy, options_.keep_bytes, options_.chunk_bytes});
  result.compute_norms();
  ended("norms");
  return result;
}

}  // namespace sotto::optim

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/tape.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

namespace sotto::optim {
namespace {

// Covers what the slacks do not: sums of squares in double (half of 1e9 * 2^-53 < 6e-8 for 1e9 parameters), and the
// float roundings of weight times factor and of the product in the weighted sum (2 * 2^-24 < 1.2e-7).
constexpr double kNormMargin = 2e-7;

using torch::autograd::Edge;

struct EdgeHash {
  size_t operator()(const std::pair<torch::autograd::Node*, uint32_t>& key) const {
    return std::hash<void*>()(key.first) ^ (std::hash<uint32_t>()(key.second) << 1);
  }
};

std::vector<at::Tensor> execute(const std::vector<Edge>& roots, const std::vector<at::Tensor>& gradients,
                                bool keep_graph, const std::vector<Edge>& outputs) {
  return torch::autograd::Engine::get_default_engine().execute(roots, gradients, keep_graph, /*create_graph=*/false,
                                                               /*accumulate_grad=*/false, outputs);
}

}  // namespace

double PerRecordGradients::norm_bound(size_t group, int64_t record) const {
  const SquaredNorms& norms = norms_.at(group);
  const auto i = static_cast<size_t>(record);
  const double squared = norms.computed.at(i) + norms.slack.at(i);
  if (!std::isfinite(squared)) return squared;
  return std::sqrt(std::max(0.0, squared)) * (1.0 + kNormMargin);
}

ParameterExpression::Form PerRecordGradients::form(size_t use) const {
  return recording_.expressions[recording_.uses[use].expression].form;
}

bool PerRecordGradients::through_function(size_t use) const {
  return form(use) == ParameterExpression::Form::rearranged || form(use) == ParameterExpression::Form::general;
}

// `values` [..., N] hold a parameter's elements in order; the result shows them as the use saw the parameter. Identity
// and views only.
at::Tensor PerRecordGradients::in_place_of(size_t use, const at::Tensor& values) const {
  const ParameterExpression& expression = recording_.expressions[recording_.uses[use].expression];
  const at::Tensor& value = expression.value;
  const at::Tensor& parameter = (*parameters_)[*expression.parameters.begin()].tensor;
  std::vector<int64_t> sizes(values.sizes().begin(), values.sizes().end() - 1);
  std::vector<int64_t> strides(values.strides().begin(), values.strides().end() - 1);
  sizes.insert(sizes.end(), value.sizes().begin(), value.sizes().end());
  if (expression.form == ParameterExpression::Form::identity) return values.view(sizes);
  SOTTO_ASSERT(expression.form == ParameterExpression::Form::view && values.is_contiguous());
  strides.insert(strides.end(), value.strides().begin(), value.strides().end());
  return values.as_strided(sizes, strides,
                           values.storage_offset() + value.storage_offset() - parameter.storage_offset());
}

// rows [n, N] += the rows of one use, for records [begin, begin + n).
void PerRecordGradients::add_rows(size_t use, int64_t begin, const at::Tensor& rows) const {
  at::Tensor target = in_place_of(use, rows);
  target.add_(recording_.uses[use].use->per_record(begin, begin + rows.size(0)).view(target.sizes()));
}

// The rows of a parameter with several uses: summed over the uses, chunk by chunk. Norm and weighted sum must come from
// the same rows, because uses may cancel.
void PerRecordGradients::for_each_summed_rows(
    size_t parameter, const std::function<void(int64_t begin, const at::Tensor& rows)>& visit) const {
  const std::vector<size_t>& uses = of_parameter_[parameter].uses;
  const at::Tensor& tensor = (*parameters_)[parameter].tensor;
  const int64_t bytes = tensor.numel() * static_cast<int64_t>(tensor.element_size());
  const int64_t chunk = std::max<int64_t>(1, chunk_bytes_ / std::max<int64_t>(1, bytes));
  for (int64_t begin = 0; begin < batch_; begin += chunk) {
    const int64_t end = std::min(batch_, begin + chunk);
    at::Tensor rows = at::zeros({end - begin, tensor.numel()}, tensor.options().requires_grad(false));
    for (size_t use : uses) add_rows(use, begin, rows);
    visit(begin, rows);
  }
}

void PerRecordGradients::compute_norms() {
  const auto records = static_cast<size_t>(batch_);
  norms_.assign(group_count_, {std::vector<double>(records, 0.0), std::vector<double>(records, 0.0)});
  for (size_t p = 0; p < of_parameter_.size(); ++p) {
    const OfParameter& of = of_parameter_[p];
    SquaredNorms& norms = norms_[(*groups_)[p]];
    if (of.general || of.uses.empty()) continue;
    if (of.uses.size() == 1) {
      recording_.uses[of.uses[0]].use->add_squared_norms(norms);
      continue;
    }
    for_each_summed_rows(p, [&](int64_t begin, const at::Tensor& rows) { add_row_norms(rows, begin, norms); });
  }
  for_each_general_row(
      [&](size_t p, int64_t i, const at::Tensor& row) { add_row_norms(row, i, norms_[(*groups_)[p]]); });
}

// Gradients of the parameters from gradients of expressions: one entry per parameter, undefined where none arrives.
std::vector<at::Tensor> PerRecordGradients::pull_back(const std::vector<at::Tensor>& expression_gradients,
                                                      const std::vector<size_t>& expressions) const {
  std::vector<Edge> roots;
  std::vector<Edge> outputs;
  for (size_t e : expressions) roots.push_back(torch::autograd::impl::gradient_edge(recording_.expressions[e].value));
  for (const NamedParameter& parameter : *parameters_) {
    outputs.push_back(torch::autograd::impl::gradient_edge(parameter.tensor));
  }
  return execute(roots, expression_gradients, /*keep_graph=*/true, outputs);
}

// Parameters that reach a use through a function of parameters: the record's gradient is pulled back through that
// function, one record at a time. Exact for any function; the price is one small backward pass per record.
void PerRecordGradients::for_each_general_row(
    const std::function<void(size_t parameter, int64_t record, const at::Tensor& row)>& visit) const {
  std::vector<size_t> members;
  std::set<size_t> expressions;
  for (size_t p = 0; p < of_parameter_.size(); ++p) {
    if (!of_parameter_[p].general) continue;
    members.push_back(p);
    for (size_t u : of_parameter_[p].uses) {
      if (through_function(u)) expressions.insert(recording_.uses[u].expression);
    }
  }
  if (members.empty()) return;
  const std::vector<size_t> order(expressions.begin(), expressions.end());
  for (int64_t i = 0; i < batch_; ++i) {
    std::vector<at::Tensor> gradients;
    for (size_t e : order) {
      const at::Tensor& value = recording_.expressions[e].value;
      at::Tensor sum = at::zeros(value.sizes(), value.options().requires_grad(false));
      for (const RecordedUse& use : recording_.uses) {
        if (use.expression == e && use.use) sum.view({-1}).add_(use.use->per_record(i, i + 1)[0]);
      }
      gradients.push_back(sum);
    }
    const std::vector<at::Tensor> pulled = pull_back(gradients, order);
    for (size_t p : members) {
      const at::Tensor& parameter = (*parameters_)[p].tensor;
      at::Tensor row = pulled[p].defined()
                           ? pulled[p].reshape({1, -1}).clone()
                           : at::zeros({1, parameter.numel()}, parameter.options().requires_grad(false));
      for (size_t u : of_parameter_[p].uses) {
        if (!through_function(u)) add_rows(u, i, row);
      }
      visit(p, i, row);
    }
  }
}

void PerRecordGradients::add_weighted(const std::vector<std::vector<float>>& weights, std::vector<at::Tensor>& sums) {
  const FullPrecision full_precision;
  at::NoGradGuard no_grad;
  SOTTO_ASSERT(weights.size() == norms_.size() && sums.size() == parameters_->size());
  const auto weights_of = [&](size_t group, const at::Tensor& like) {
    const std::vector<float>& of_group = weights.at(group);
    SOTTO_ASSERT(static_cast<int64_t>(of_group.size()) == batch_);
    at::Tensor tensor = at::empty({batch_}, at::kFloat);
    std::copy(of_group.begin(), of_group.end(), tensor.mutable_data_ptr<float>());
    return tensor.to(like.device(), like.scalar_type());
  };
  for (size_t p = 0; p < of_parameter_.size(); ++p) {
    const OfParameter& of = of_parameter_[p];
    if (of.general || of.uses.empty()) continue;
    const at::Tensor weight = weights_of((*groups_)[p], sums[p]);
    at::Tensor total = sums[p].view({-1});
    if (of.uses.size() > 1) {
      for_each_summed_rows(p, [&](int64_t begin, const at::Tensor& rows) {
        add_row_sum(rows, weight.slice(0, begin, begin + rows.size(0)), total);
      });
    } else if (form(of.uses[0]) == ParameterExpression::Form::identity) {
      recording_.uses[of.uses[0]].use->add_weighted(weight, total);
    } else if (form(of.uses[0]) == ParameterExpression::Form::view) {
      at::Tensor seen = in_place_of(of.uses[0], total);
      recording_.uses[of.uses[0]].use->add_weighted_strided(weight, seen);
    } else {
      // A copy of the parameter in another order: pulled back once, after the sum.
      const size_t expression = recording_.uses[of.uses[0]].expression;
      const at::Tensor& value = recording_.expressions[expression].value;
      at::Tensor sum = at::zeros({value.numel()}, value.options().requires_grad(false));
      recording_.uses[of.uses[0]].use->add_weighted(weight, sum);
      sums[p].add_(pull_back({sum.view(value.sizes())}, {expression})[p]);
    }
  }
  for_each_general_row([&](size_t p, int64_t i, const at::Tensor& row) {
    const float weight = weights[(*groups_)[p]][static_cast<size_t>(i)];
    if (weight != 0.0f) sums[p].view({1, -1}).add_(row, weight);
  });
}

std::vector<std::string> PerRecordGradients::describe() const {
  std::vector<std::string> lines;
  for (const RecordedUse& use : recording_.uses) {
    lines.push_back(fmt::format("{} {} {}", recording_.expressions[use.expression].parameter_names, use.operator_name,
                                use.use ? to_string(use.use->strategy()) : "no gradient"));
  }
  return lines;
}

Tape::Tape(std::vector<NamedParameter> parameters, std::vector<at::Tensor> constants, std::vector<size_t> groups,
           TapeOptions options)
    : parameters_(std::move(parameters)),
      constants_(std::move(constants)),
      groups_(std::move(groups)),
      options_(options) {
  if (parameters_.empty()) throw UsageError("[Tape] the model has no trainable parameter");
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
  const FullPrecision full_precision;
  PerRecordGradients result;
  result.parameters_ = &parameters_;
  result.groups_ = &groups_;
  result.group_count_ = group_count_;
  result.chunk_bytes_ = options_.chunk_bytes;
  {
    at::AutoGradMode with_gradients(true);
    result.recording_ = record(parameters_, constants_, inputs, [&] { return losses(inputs); });
  }
  const auto ended = [&](std::string_view phase) {
    if (options_.phase_ended) options_.phase_ended(phase);
  };
  ended("forward");
  Recording& recording = result.recording_;
  result.batch_ = recording.batch;

  at::NoGradGuard no_grad;
  at::Tensor seed = at::ones_like(recording.losses);
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
  const std::vector<at::Tensor> captured =
      execute({torch::autograd::impl::gradient_edge(recording.losses)}, {seed}, /*keep_graph=*/false, edges);

  ended("backward");
  UsePlan plan{options_.force_strategy, options_.keep_bytes, options_.chunk_bytes};
  result.of_parameter_.resize(parameters_.size());
  for (size_t u = 0; u < recording.uses.size(); ++u) {
    RecordedUse& use = recording.uses[u];
    const at::Tensor& gradient = captured[place.at({use.output.function.get(), use.output.input_nr})];
    if (!gradient.defined()) {
      use.use.reset();  // this use has no influence on the losses
      continue;
    }
    const ParameterExpression& expression = recording.expressions[use.expression];
    if (gradient.scalar_type() != at::kFloat && gradient.scalar_type() != at::kDouble) {
      throw UsageError(
          fmt::format("[Tape] operator {} uses parameter {} in dtype {}: norms and sums need float or double. Run the "
                      "layer in float, without autocast",
                      use.operator_name, expression.parameter_names, c10::toString(gradient.scalar_type())));
    }
    use.use->bind(gradient, plan);
    for (size_t p : expression.parameters) {
      result.of_parameter_[p].uses.push_back(u);
      if (expression.form == ParameterExpression::Form::general) result.of_parameter_[p].general = true;
    }
  }
  for (auto& of : result.of_parameter_) {
    const bool function =
        std::any_of(of.uses.begin(), of.uses.end(), [&](size_t u) { return result.through_function(u); });
    if (of.uses.size() > 1 && function) of.general = true;
  }
  recording.losses.reset();
  result.compute_norms();
  ended("norms");
  return result;
}

}  // namespace sotto::optim

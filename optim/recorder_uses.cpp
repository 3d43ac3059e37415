// Where the recorder notes that an operator consumes a parameter.

#include <fmt/format.h>
#include <sotto/optim/held_bytes.h>
#include <sotto/optim/recorder_state.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

namespace sotto::optim {

// The autograd nodes that the operator made: those between its output and its arguments.
void Recorder::mark_made(const Frame& frame, const at::Tensor& output, Nodes& marked) {
  std::vector<const torch::autograd::Node*> open = {output.grad_fn().get()};
  while (!open.empty()) {
    const torch::autograd::Node* node = open.back();
    open.pop_back();
    if (node == nullptr || frame.argument_nodes.contains(node) || !marked.insert(node).second) continue;
    for (const torch::autograd::Edge& edge : node->next_edges()) open.push_back(edge.function.get());
  }
}

void check_rows(const at::Tensor& rows, int64_t records, const RecordedUse& use,
                const ParameterExpression& expression) {
  const int64_t elements = use.map.elements();
  if (rows.defined() && rows.sizes() == at::IntArrayRef{records, elements}) return;
  throw UsageError(
      fmt::format("[Tape] the rule of operator {} for parameter {} returned per-record gradients of sizes {}; must be "
                  "[{}, {}], one "
                  "row per record",
                  use.operator_name, expression.parameter_names,
                  rows.defined() ? sizes_text(rows.sizes()) : "undefined", records, elements));
}

void Recorder::note_uses(Frame& frame, const OutputPositions& positions) {
  const OperatorCall& call = frame.call;
  for (size_t a = 0; a < call.arguments.size(); ++a) {
    size_t element = 0;
    for_each_tensor(call.arguments[a], [&](const at::Tensor& tensor) {
      const Tracked* tracked = tensors_.find(tensor);
      if (tracked && tracked->kind == Tracked::Kind::parameter) {
        note_use(frame, positions, a, element, tracked->expression);
      }
      ++element;
    });
  }
}

// Where the consumed tensor is W + s B A, or its transpose: the uses of B and A.
bool Recorder::note_low_rank_uses(const Frame& frame, BatchPosition position, size_t argument, size_t expression) {
  const OperatorCall& call = frame.call;
  const std::vector<ParameterExpression>& all = recording_.expressions;
  const ParameterExpression& consumed = all[expression];
  const ParameterExpression& whole = all[consumed.source];
  const std::optional<LowRankProduct> product = low_rank_product(call, argument);
  if (!whole.low_rank || !product) return false;
  const at::Tensor like = product->transposed ? whole.value.t() : whole.value;
  if (consumed.map != ElementMap::of_view(like, whole.value)) return false;
  const auto [left, right, scale] = *whole.low_rank;
  LowRankUses uses = make_low_rank_uses(call, product->activation, all[left].value, all[right].value,
                                        scale * product->scale, position);
  const at::Tensor& output = call.outputs[0];
  mark_made(frame, output, nodes_.consumers);
  const auto add = [&](size_t factor, std::unique_ptr<ParameterUse> use) {
    table_.took(all[factor].parameter_names);
    recording_.uses.push_back({call.name, argument, false, factor, all[factor].map,
                               torch::autograd::impl::gradient_edge(output), std::move(use)});
    recording_.uses.back().bytes_before = HeldBytes::counted();
  };
  add(left, std::move(uses.of_left));
  add(right, std::move(uses.of_right));
  return true;
}

void Recorder::note_use(Frame& frame, const OutputPositions& positions, size_t argument, size_t element,
                        size_t expression) {
  const OperatorCall& call = frame.call;
  SOTTO_ASSERT(!call.outputs.empty());
  const at::Tensor& output = call.outputs[0];
  if (!output.requires_grad()) return;  // detached, or gradient switched off: no gradient reaches the parameter
  // The gradient of the whole tensor would not pass through the node of the part.
  if (call.in_place && output.is_view()) throw Refusal{"writes into a view of a tensor; use the out-of-place operator"};
  MadeUse made;
  const bool possible = !(call.in_place && argument == 0) && positions[0];
  if (possible && note_low_rank_uses(frame, *positions[0], argument, expression)) return;
  if (possible) made = make_parameter_use(call, argument, element, *positions[0]);
  const bool custom = possible && !made.use && frame.info->custom_use != nullptr && call.arguments[argument].isTensor();
  if (custom) made.use = frame.info->custom_use(call, argument, *positions[0]);
  const ParameterExpression& consumed = recording_.expressions[expression];
  const std::string& names = consumed.parameter_names;
  if (!made.use) {
    const std::string problem = fmt::format(
        "[Tape] parameter {} is consumed by operator {} (argument {}){}, which has no per-record gradient "
        "rule there. {}",
        names, call.name, argument, table_.place_of(call), kRegisterHint);
    if (!explanation_) throw UsageError(problem);
    explanation_->problems.push_back(problem);
  }
  table_.took(names);
  std::optional<ElementMap> map = consumed.map;
  if (made.replicated) map = consumed.map.of_one_record(*made.replicated, call.batch);
  if (!map) {
    throw Refusal{
        "uses a parameter with one entry per place in the batch, so that a record's gradient depends on its place"};
  }
  const torch::autograd::Edge edge = made.leaving_edge ? output.grad_fn()->next_edge(*made.leaving_edge)
                                                       : torch::autograd::impl::gradient_edge(output);
  mark_made(frame, output, nodes_.consumers);
  RecordedUse use{call.name, argument, custom, expression, std::move(*map), edge, std::move(made.use)};
  use.bytes_before = HeldBytes::counted();
  recording_.uses.push_back(std::move(use));
}

}  // namespace sotto::optim

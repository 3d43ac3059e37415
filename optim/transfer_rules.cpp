#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <sotto/optim/transfer_rules.h>
#include <sotto/optim/transfer_table.h>

#include <algorithm>

namespace sotto::optim {
namespace {

const TransferTable& rules() {
  static const TransferTable table = [] {
    TransferTable result;
    add_complex_rules(result);
    add_elementwise_rules(result);
    add_shape_rules(result);
    add_layer_rules(result);
    add_product_rules(result);
    return result;
  }();
  return table;
}

}  // namespace

void refuse(std::string reason) {
  throw Refusal{std::move(reason)};
}

OutputPositions same_for_all(const OperatorCall& call, BatchPosition position) {
  OutputPositions result;
  for (const at::Tensor& output : call.outputs) {
    const bool fits =
        position.dim < output.dim() && output.size(position.dim) == position.outer * call.batch * position.inner;
    if (!fits) refuse("returned a shape that its transfer rule did not expect");
    result.emplace_back(position);
  }
  return result;
}

BatchPosition required(const OperatorCall& call, size_t argument) {
  const auto position = call.position(argument);
  if (!position) refuse("takes records in an argument that its transfer rule does not follow");
  return *position;
}

void require_constant(const OperatorCall& call, size_t argument) {
  if (call.position(argument)) refuse(kMixes);
}

void require_uniform(const OperatorCall& call, const at::Tensor& tensor, int64_t dim, BatchPosition position) {
  position.dim = dim;
  const int64_t size = dim >= 0 && dim < tensor.dim() ? tensor.size(dim) : 1;
  if (size != 1 && size != position.outer * call.batch * position.inner)
    refuse("takes a tensor without records that is longer or shorter than the batch where the records are");
  if (!same_for_every_record(tensor, position, call.batch)) refuse_varying();
}

OutputPositions broadcast(const OperatorCall& call) {
  int64_t rank = 0;
  for (const at::Tensor& output : call.outputs) rank = std::max(rank, output.dim());
  std::optional<BatchPosition> result;
  for (const c10::IValue& argument : call.arguments) {
    for_each_tensor(argument, [&](const at::Tensor& tensor) {
      auto position = call.position_of(tensor);
      if (!position) return;
      position->dim += rank - tensor.dim();
      if (result && !(*result == *position))
        refuse("aligns the record of one argument with a different record of another");
      result = position;
    });
  }
  if (!result) refuse("takes records in an argument that its transfer rule does not follow");
  for (size_t a = call.in_place ? 1 : 0; a < call.arguments.size();
       ++a) {  // a target is looked at before it is changed
    for_each_tensor(call.arguments[a], [&](const at::Tensor& tensor) {
      if (!call.position_of(tensor)) require_uniform(call, tensor, result->dim + tensor.dim() - rank, *result);
    });
  }
  return same_for_all(call, *result);
}

bool same_for_every_record(const at::Tensor& tensor, BatchPosition position, int64_t batch) {
  if (position.dim < 0 || tensor.size(position.dim) == 1 || tensor.stride(position.dim) == 0) return true;
  const at::Tensor records = batch_first(tensor, position, batch);
  return at::equal(records, records.slice(0, 0, 1).expand_as(records));
}

void refuse_varying() {
  refuse(
      "takes a tensor that holds another value for every place in the batch, so that a record's gradient depends on "
      "its place. Pass values that belong to a record as an input; draw random ones with rand_like or randn_like");
}

std::vector<std::string_view> transfer_rule_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, rule] : rules()) names.push_back(name);
  return names;
}

TransferRule find_transfer_rule(std::string_view name) {
  const auto found = rules().find(name);
  return found == rules().end() ? nullptr : found->second;
}

}  // namespace sotto::optim

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <fmt/format.h>
#include <sotto/optim/transfer_rules.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <functional>
#include <map>
#include <sstream>
#include <string>

namespace sotto::optim {
namespace {

[[noreturn]] void refuse(std::string reason) {
  throw Refusal{std::move(reason)};
}

constexpr const char* kMixes = "combines different records";

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

// `tensor` has no records, but its dimension `dim` may line up with the batch: then it must treat all records alike.
void require_uniform(const OperatorCall& call, const at::Tensor& tensor, int64_t dim, BatchPosition position) {
  position.dim = dim;
  if (!same_for_every_record(tensor, position, call.batch)) refuse_varying();
}

// Aligns shapes from the right, as broadcasting does. All arguments that carry records must agree.
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

// Element-wise losses: broadcast when reduction == none (0).
template <size_t kReduction>
OutputPositions unreduced(const OperatorCall& call) {
  if (call.integer(kReduction) != 0) {
    refuse("averages or sums the losses of different records: ask for one loss per record (reduction none)");
  }
  return broadcast(call);
}

OutputPositions linear(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  require_constant(call, 1);
  require_constant(call, 2);
  if (position.dim == call.tensor(0).dim() - 1) refuse(kMixes);
  return same_for_all(call, position);
}

// Position of a matrix product of `left` and `right` (both of rank `rank`, 2 for mm and 3 for bmm).
BatchPosition product_position(const OperatorCall& call, size_t left_argument, size_t right_argument, int64_t rank) {
  const auto left = call.position(left_argument);
  const auto right = call.position(right_argument);
  const int64_t row = rank - 2;
  const int64_t column = rank - 1;
  if (left && right) {
    if (*left == *right && left->dim < row) return *left;
    refuse(kMixes);
  }
  if (left) {
    if (left->dim == column) refuse(kMixes);
    if (left->dim < row) require_uniform(call, call.tensor(right_argument), left->dim, *left);
    return *left;
  }
  if (right) {
    if (right->dim == row) refuse(kMixes);
    if (right->dim < row) require_uniform(call, call.tensor(left_argument), right->dim, *right);
    return *right;
  }
  refuse("takes records in an argument that its transfer rule does not follow");
}

template <int64_t kRank>
OutputPositions product(const OperatorCall& call) {
  return same_for_all(call, product_position(call, 0, 1, kRank));
}

// addmm and baddbmm: argument 0 is broadcast onto the product of arguments 1 and 2.
template <int64_t kRank>
OutputPositions add_product(const OperatorCall& call) {
  const BatchPosition result = product_position(call, 1, 2, kRank);
  if (auto added = call.position(0)) {
    added->dim += kRank - call.tensor(0).dim();
    if (!(*added == result)) refuse(kMixes);
  } else {
    require_uniform(call, call.tensor(0), result.dim + call.tensor(0).dim() - kRank, result);
  }
  return same_for_all(call, result);
}

OutputPositions convolution(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  require_constant(call, 1);
  require_constant(call, 2);
  if (position.dim != 0) refuse(kMixes);
  return same_for_all(call, position);
}

// Pooling and resizing over the last kSpatial dimensions.
template <int64_t kSpatial>
OutputPositions spatial(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  if (position.dim >= call.tensor(0).dim() - kSpatial) refuse(kMixes);
  return same_for_all(call, position);
}

template <size_t kDim>
OutputPositions along_dim(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  if (wrap_dim(call.integer(kDim), call.tensor(0).dim()) == position.dim) refuse(kMixes);
  return same_for_all(call, position);
}

BatchPosition reduced(const OperatorCall& call, BatchPosition position, std::vector<int64_t> dims, bool keep) {
  const int64_t rank = call.tensor(0).dim();
  if (dims.empty()) refuse(std::string(kMixes) + " (it reduces every dimension)");
  int64_t removed_in_front = 0;
  for (int64_t dim : dims) {
    dim = wrap_dim(dim, rank);
    if (dim == position.dim) refuse(kMixes);
    if (!keep && dim < position.dim) ++removed_in_front;
  }
  position.dim -= removed_in_front;
  return position;
}

// Reductions over a list of dimensions: (self, dims?, keepdim); kDims and kKeep are argument numbers.
template <size_t kDims, size_t kKeep>
OutputPositions reduction(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  if (call.arguments.size() <= kKeep || !(call.arguments[kDims].isIntList() || call.arguments[kDims].isInt())) {
    refuse(std::string(kMixes) + " (it reduces every dimension)");
  }
  const bool single = call.arguments[kDims].isInt();
  const auto dims = single ? std::vector<int64_t>{call.integer(kDims)} : call.integers(kDims);
  return same_for_all(call, reduced(call, position, dims, call.flag(kKeep)));
}

// max and min: of two tensors element by element, or along a dimension.
OutputPositions maximum(const OperatorCall& call) {
  return call.has_tensor(1) ? broadcast(call) : reduction<1, 2>(call);
}

OutputPositions where(const OperatorCall& call) {
  if (call.arguments.size() < 3) refuse("returns a shape that depends on the records");
  return broadcast(call);
}

OutputPositions reshape(const OperatorCall& call) {
  const auto result =
      reshape_position(call.tensor(0).sizes(), required(call, 0), call.batch, call.outputs.at(0).sizes());
  if (!result) refuse("reshapes so that the record index is spread over several dimensions");
  return same_for_all(call, *result);
}

OutputPositions expand(const OperatorCall& call) {
  BatchPosition position = required(call, 0);
  position.dim += call.outputs.at(0).dim() - call.tensor(0).dim();
  return same_for_all(call, position);
}

OutputPositions transpose(const OperatorCall& call) {
  BatchPosition position = required(call, 0);
  const int64_t rank = call.tensor(0).dim();
  const int64_t a = call.arguments.size() > 2 ? wrap_dim(call.integer(1), rank) : 0;
  const int64_t b = call.arguments.size() > 2 ? wrap_dim(call.integer(2), rank) : rank - 1;
  if (position.dim == a) {
    position.dim = b;
  } else if (position.dim == b) {
    position.dim = a;
  }
  return same_for_all(call, position);
}

OutputPositions permute(const OperatorCall& call) {
  BatchPosition position = required(call, 0);
  const auto dims = call.integers(1);
  for (size_t d = 0; d < dims.size(); ++d) {
    if (wrap_dim(dims[d], call.tensor(0).dim()) == position.dim) {
      position.dim = static_cast<int64_t>(d);
      break;
    }
  }
  return same_for_all(call, position);
}

OutputPositions unsqueeze(const OperatorCall& call) {
  BatchPosition position = required(call, 0);
  if (wrap_dim(call.integer(1), call.outputs.at(0).dim()) <= position.dim) ++position.dim;
  return same_for_all(call, position);
}

OutputPositions squeeze(const OperatorCall& call) {
  const at::Tensor& input = call.tensor(0);
  BatchPosition position = required(call, 0);
  std::vector<bool> removed(static_cast<size_t>(input.dim()), call.arguments.size() == 1);
  if (call.arguments.size() > 1) {
    const auto dims = call.arguments[1].isInt() ? std::vector<int64_t>{call.integer(1)} : call.integers(1);
    for (int64_t dim : dims) removed[static_cast<size_t>(wrap_dim(dim, input.dim()))] = true;
  }
  int64_t in_front = 0;
  for (int64_t d = 0; d < position.dim; ++d) in_front += removed[static_cast<size_t>(d)] && input.size(d) == 1;
  position.dim -= in_front;
  return same_for_all(call, position);
}

// select and unbind remove dimension kDim.
template <size_t kDim>
OutputPositions removing_dim(const OperatorCall& call) {
  BatchPosition position = required(call, 0);
  const int64_t dim = wrap_dim(call.integer(kDim), call.tensor(0).dim());
  if (dim == position.dim) refuse("picks single records out of the batch");
  if (dim < position.dim) --position.dim;
  return same_for_all(call, position);
}

// cat and stack: (tensors, dim).
std::optional<BatchPosition> common_position(const OperatorCall& call) {
  std::optional<BatchPosition> result;
  for_each_tensor(call.arguments.at(0), [&](const at::Tensor& tensor) {
    const auto position = call.position_of(tensor);
    if (!position) return;
    if (result && !(*result == *position)) refuse(kMixes);
    result = position;
  });
  for_each_tensor(call.arguments.at(0), [&](const at::Tensor& tensor) {
    if (result && !call.position_of(tensor)) require_uniform(call, tensor, result->dim, *result);
  });
  return result;
}

OutputPositions cat(const OperatorCall& call) {
  const BatchPosition position = common_position(call).value();
  if (wrap_dim(call.integer(1), call.outputs.at(0).dim()) == position.dim) refuse(kMixes);
  return same_for_all(call, position);
}

OutputPositions stack(const OperatorCall& call) {
  BatchPosition position = common_position(call).value();
  if (wrap_dim(call.integer(1), call.outputs.at(0).dim()) <= position.dim) ++position.dim;
  return same_for_all(call, position);
}

OutputPositions index_select(const OperatorCall& call) {
  require_constant(call, 2);
  return along_dim<1>(call);
}

OutputPositions gather(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  if (required(call, 2) != position) refuse(kMixes);
  return along_dim<1>(call);
}

// Padding of the last dimensions by pairs (before, after), innermost first.
OutputPositions pad(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  if (position.dim >= call.tensor(0).dim() - static_cast<int64_t>(call.integers(1).size()) / 2) refuse(kMixes);
  return same_for_all(call, position);
}

// equal compares whole batches, which is harmless only for a tensor compared with itself (attention layers ask whether
// query and key are one tensor).
OutputPositions equal(const OperatorCall& call) {
  if (!call.tensor(0).is_same(call.tensor(1))) refuse("makes control flow depend on the records of the whole batch");
  return {};
}

OutputPositions constant_output(const OperatorCall& call) {
  return OutputPositions(call.outputs.size());
}

// Another dtype or device for argument 0; of the other tensor, if there is one, only that is used.
OutputPositions converted(const OperatorCall& call) {
  const auto position = call.position(0);
  return position ? same_for_all(call, *position) : constant_output(call);
}

OutputPositions embedding(const OperatorCall& call) {
  require_constant(call, 0);
  return same_for_all(call, required(call, 1));
}

OutputPositions layer_norm(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  require_constant(call, 2);
  require_constant(call, 3);
  const auto normalized = static_cast<int64_t>(call.integers(1).size());
  if (position.dim >= call.tensor(0).dim() - normalized) refuse(kMixes);
  return same_for_all(call, position);
}

OutputPositions group_norm(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  require_constant(call, 1);
  require_constant(call, 2);
  if (position.dim != 0) refuse(kMixes);
  return same_for_all(call, position);
}

OutputPositions batch_norm(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  for (size_t a = 1; a <= 4; ++a) require_constant(call, a);
  if (call.flag(5)) {
    refuse(
        "is batch norm in training mode: it normalises with the statistics of the whole batch, so that every record "
        "changes every other record's gradient. Replace it by GroupNorm or LayerNorm, or freeze it with eval()");
  }
  if (position.dim == 1) refuse(kMixes);
  return same_for_all(call, position);
}

OutputPositions nll_loss(const OperatorCall& call) {
  if (call.integer(3) != 0) {
    refuse("averages or sums the losses of different records: ask for one loss per record (reduction none)");
  }
  const BatchPosition position = required(call, 0);
  if (position.dim != 0 || call.position(1) != position) refuse(kMixes);
  require_constant(call, 2);
  return {position, std::nullopt};  // the second output, the total weight, is not filled without reduction
}

OutputPositions attention(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  if (position.dim >= call.tensor(0).dim() - 2) refuse(kMixes);
  if (call.position(1) != position || call.position(2) != position) refuse(kMixes);
  if (auto mask = call.position(3)) {
    mask->dim += call.tensor(0).dim() - call.tensor(3).dim();
    if (*mask != position) refuse(kMixes);
  } else if (call.has_tensor(3)) {
    require_uniform(call, call.tensor(3), position.dim + call.tensor(3).dim() - call.tensor(0).dim(), position);
  }
  return same_for_all(call, position);
}

// Operators whose every output element depends on the elements of the arguments at the same place alone. Random ones
// draw from a generator, which does not depend on records.
constexpr std::string_view kElementwise =
    "abs acos add addcdiv addcmul alias asin atan atan2 bernoulli bitwise_and bitwise_not bitwise_or ceil "
    "celu clamp clamp_max clamp_min clone contiguous copy cos cosh detach div dropout elu empty_like eq "
    "erf exp expm1 feature_dropout fill floor full_like ge gelu gt hardshrink hardsigmoid hardswish "
    "hardtanh isfinite isinf isnan le leaky_relu lerp lift_fresh log log1p log2 log_sigmoid "
    "log_sigmoid_forward logaddexp logical_and logical_not logical_or lt masked_fill maximum minimum mish "
    "mul nan_to_num native_dropout ne neg normal ones_like pow rand_like randn_like reciprocal relu relu6 "
    "round rsqrt rsub selu sigmoid sign silu sin sinh softplus softshrink sqrt square sub tan "
    "tanh threshold uniform xlogy zero zeros_like _to_copy ";

using Table = std::map<std::string, TransferRule, std::less<>>;

const Table& table() {
  static const Table rules = [] {
    Table t;
    std::istringstream names{std::string(kElementwise)};
    for (std::string name; names >> name;) t.emplace("aten::" + name, &broadcast);
    t.emplace("aten::where", &where);
    t.emplace("aten::equal", &equal);
    t.emplace("aten::linear", &linear);
    t.emplace("aten::mm", &product<2>);
    t.emplace("aten::bmm", &product<3>);
    t.emplace("aten::addmm", &add_product<2>);
    t.emplace("aten::baddbmm", &add_product<3>);
    t.emplace("aten::convolution", &convolution);
    t.emplace("aten::max_pool1d", &spatial<1>);
    t.emplace("aten::max_pool2d", &spatial<2>);
    t.emplace("aten::max_pool3d", &spatial<3>);
    t.emplace("aten::max_pool2d_with_indices", &spatial<2>);
    t.emplace("aten::max_pool3d_with_indices", &spatial<3>);
    t.emplace("aten::avg_pool1d", &spatial<1>);
    t.emplace("aten::avg_pool2d", &spatial<2>);
    t.emplace("aten::avg_pool3d", &spatial<3>);
    t.emplace("aten::adaptive_avg_pool1d", &spatial<1>);
    t.emplace("aten::adaptive_avg_pool2d", &spatial<2>);
    t.emplace("aten::adaptive_avg_pool3d", &spatial<3>);
    t.emplace("aten::adaptive_max_pool2d", &spatial<2>);
    for (const char* name : {"aten::constant_pad_nd", "aten::pad", "aten::_pad_enum", "aten::_pad_circular",
                             "aten::reflection_pad1d", "aten::reflection_pad2d", "aten::reflection_pad3d",
                             "aten::replication_pad1d", "aten::replication_pad2d", "aten::replication_pad3d"}) {
      t.emplace(name, &pad);
    }
    for (const char* name : {"aten::new_empty", "aten::new_zeros", "aten::new_ones", "aten::new_full"}) {
      t.emplace(name, &constant_output);
    }
    t.emplace("aten::to", &converted);
    t.emplace("aten::type_as", &converted);
    t.emplace("aten::_softmax", &along_dim<1>);
    t.emplace("aten::_log_softmax", &along_dim<1>);
    t.emplace("aten::softmax", &along_dim<1>);
    t.emplace("aten::log_softmax", &along_dim<1>);
    t.emplace("aten::cumsum", &along_dim<1>);
    t.emplace("aten::glu", &along_dim<1>);
    t.emplace("aten::slice", &along_dim<1>);
    t.emplace("aten::split", &along_dim<2>);
    t.emplace("aten::split_with_sizes", &along_dim<2>);
    t.emplace("aten::chunk", &along_dim<2>);
    t.emplace("aten::select", &removing_dim<1>);
    t.emplace("aten::unbind", &removing_dim<1>);
    t.emplace("aten::sum", &reduction<1, 2>);
    t.emplace("aten::mean", &reduction<1, 2>);
    t.emplace("aten::amax", &reduction<1, 2>);
    t.emplace("aten::amin", &reduction<1, 2>);
    t.emplace("aten::logsumexp", &reduction<1, 2>);
    t.emplace("aten::argmax", &reduction<1, 2>);
    t.emplace("aten::max", &maximum);
    t.emplace("aten::min", &maximum);
    t.emplace("aten::norm", &reduction<2, 3>);
    t.emplace("aten::var", &reduction<1, 3>);
    t.emplace("aten::std", &reduction<1, 3>);
    t.emplace("aten::linalg_vector_norm", &reduction<2, 3>);
    t.emplace("aten::view", &reshape);
    t.emplace("aten::reshape", &reshape);
    t.emplace("aten::flatten", &reshape);
    t.emplace("aten::unflatten", &reshape);
    t.emplace("aten::_unsafe_view", &reshape);
    t.emplace("aten::expand", &expand);
    t.emplace("aten::transpose", &transpose);
    t.emplace("aten::t", &transpose);
    t.emplace("aten::permute", &permute);
    t.emplace("aten::unsqueeze", &unsqueeze);
    t.emplace("aten::squeeze", &squeeze);
    t.emplace("aten::cat", &cat);
    t.emplace("aten::stack", &stack);
    t.emplace("aten::index_select", &index_select);
    t.emplace("aten::gather", &gather);
    t.emplace("aten::embedding", &embedding);
    t.emplace("aten::native_layer_norm", &layer_norm);
    t.emplace("aten::native_group_norm", &group_norm);
    t.emplace("aten::batch_norm", &batch_norm);
    t.emplace("aten::nll_loss_forward", &nll_loss);
    t.emplace("aten::nll_loss2d_forward", &nll_loss);
    t.emplace("aten::mse_loss", &unreduced<2>);
    t.emplace("aten::l1_loss", &unreduced<2>);
    t.emplace("aten::smooth_l1_loss", &unreduced<2>);
    t.emplace("aten::huber_loss", &unreduced<2>);
    t.emplace("aten::binary_cross_entropy", &unreduced<3>);
    t.emplace("aten::binary_cross_entropy_with_logits", &unreduced<4>);
    t.emplace("aten::scaled_dot_product_attention", &attention);
    return t;
  }();
  return rules;
}

}  // namespace

bool same_for_every_record(const at::Tensor& tensor, BatchPosition position, int64_t batch) {
  if (position.dim < 0 || tensor.size(position.dim) == 1 || tensor.stride(position.dim) == 0) return true;
  const at::Tensor records = batch_first(tensor, position, batch);
  return at::equal(records, records.slice(0, 0, 1).expand_as(records));
}

void refuse_varying() {
  refuse(
      "takes a tensor that holds another value for every place in the batch, so that a record's gradient depends on "
      "its "
      "place. Pass values that belong to a record as an input; draw random ones with rand_like or randn_like");
}

std::vector<std::string_view> transfer_rule_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, rule] : table()) names.push_back(name);
  return names;
}

TransferRule find_transfer_rule(std::string_view name) {
  const auto found = table().find(name);
  return found == table().end() ? nullptr : found->second;
}

}  // namespace sotto::optim

// Transfer rules of layers: products, convolution, pooling, normalisation, attention, classification losses.

#include <sotto/optim/transfer_table.h>

namespace sotto::optim {
namespace {

OutputPositions linear(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  require_constant(call, 1);
  require_constant(call, 2);
  if (call.tensor(1).dim() != 2) refuse("takes a weight that is no matrix");
  if (call.has_tensor(2) && call.tensor(2).dim() > 1) refuse("takes a bias with more than one dimension");
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
  const at::Tensor& input = call.tensor(0);
  if (position.dim != 0) refuse(kMixes);
  // The sizes are arguments of their own (N, C, HxW): with others, one group would reach into the next record.
  if (call.integer(3) != input.size(0) || call.integer(4) != input.size(1) ||
      call.integer(3) * call.integer(4) * call.integer(5) != input.numel()) {
    refuse("is given sizes that are not those of its input");
  }
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
  for (size_t a = 1; a <= 2; ++a) {
    // Aligned from the right: with fewer dimensions a record of one would meet all records of the other.
    if (call.tensor(a).dim() != call.tensor(0).dim() || call.position(a) != position) refuse(kMixes);
  }
  if (auto mask = call.position(3)) {
    mask->dim += call.tensor(0).dim() - call.tensor(3).dim();
    if (*mask != position) refuse(kMixes);
  } else if (call.has_tensor(3)) {
    require_uniform(call, call.tensor(3), position.dim + call.tensor(3).dim() - call.tensor(0).dim(), position);
  }
  return same_for_all(call, position);
}

}  // namespace

void add_layer_rules(TransferTable& table) {
  table.emplace("aten::linear", &linear);
  table.emplace("aten::mm", &product<2>);
  table.emplace("aten::bmm", &product<3>);
  table.emplace("aten::addmm", &add_product<2>);
  table.emplace("aten::baddbmm", &add_product<3>);
  table.emplace("aten::convolution", &convolution);
  table.emplace("aten::max_pool1d", &spatial<1>);
  table.emplace("aten::max_pool2d", &spatial<2>);
  table.emplace("aten::max_pool3d", &spatial<3>);
  table.emplace("aten::max_pool2d_with_indices", &spatial<2>);
  table.emplace("aten::max_pool3d_with_indices", &spatial<3>);
  table.emplace("aten::avg_pool1d", &spatial<1>);
  table.emplace("aten::avg_pool2d", &spatial<2>);
  table.emplace("aten::avg_pool3d", &spatial<3>);
  table.emplace("aten::adaptive_avg_pool1d", &spatial<1>);
  table.emplace("aten::adaptive_avg_pool2d", &spatial<2>);
  table.emplace("aten::adaptive_avg_pool3d", &spatial<3>);
  table.emplace("aten::adaptive_max_pool2d", &spatial<2>);
  table.emplace("aten::embedding", &embedding);
  table.emplace("aten::native_layer_norm", &layer_norm);
  table.emplace("aten::native_group_norm", &group_norm);
  table.emplace("aten::batch_norm", &batch_norm);
  table.emplace("aten::nll_loss_forward", &nll_loss);
  table.emplace("aten::nll_loss2d_forward", &nll_loss);
  table.emplace("aten::scaled_dot_product_attention", &attention);
}

}  // namespace sotto::optim

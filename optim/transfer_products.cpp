// Transfer rules of products of matrices and of attention.

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

// (query, key, value, ...) with the mask in argument kMask; what carries no records is the same for all of them.
template <size_t kMask>
OutputPositions attention(const OperatorCall& call) {
  std::optional<BatchPosition> common;
  for (size_t a = 0; a <= 2; ++a) {
    const auto position = call.position(a);
    // Aligned from the right: with fewer dimensions a record of one would meet all records of the other.
    if (call.tensor(a).dim() != call.tensor(0).dim() || (common && position && *position != *common)) refuse(kMixes);
    if (position) common = position;
  }
  if (!common) refuse("takes records in an argument that its transfer rule does not follow");
  const BatchPosition position = *common;
  if (position.dim >= call.tensor(0).dim() - 2) refuse(kMixes);
  for (size_t a = 0; a <= 2; ++a) {
    if (call.position(a)) continue;
    if (call.tensor(a).size(position.dim) != position.outer * call.batch * position.inner) refuse(kMixes);
    require_uniform(call, call.tensor(a), position.dim, position);
  }
  if (auto mask = call.position(kMask)) {
    mask->dim += call.tensor(0).dim() - call.tensor(kMask).dim();
    if (*mask != position) refuse(kMixes);
  } else if (call.has_tensor(kMask)) {
    require_uniform(call, call.tensor(kMask), position.dim + call.tensor(kMask).dim() - call.tensor(0).dim(), position);
  }
  return same_for_all(call, position);
}

OutputPositions mv(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  require_constant(call, 1);
  if (position.dim != 0) refuse(kMixes);
  return same_for_all(call, position);
}

// bilinear(input1, input2, weight, bias?)
OutputPositions bilinear(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  require_constant(call, 2);
  require_constant(call, 3);
  if (call.position(1) != position || position.dim >= call.tensor(0).dim() - 1) refuse(kMixes);
  return same_for_all(call, position);
}

}  // namespace

void add_product_rules(TransferTable& table) {
  table.emplace("aten::linear", &linear);
  table.emplace("aten::bilinear", &bilinear);
  table.emplace("aten::mv", &mv);
  table.emplace("aten::mm", &product<2>);
  table.emplace("aten::bmm", &product<3>);
  table.emplace("aten::addmm", &add_product<2>);
  table.emplace("aten::baddbmm", &add_product<3>);
  table.emplace("aten::scaled_dot_product_attention", &attention<3>);
  table.emplace("aten::_scaled_dot_product_attention_math", &attention<3>);
  table.emplace("aten::_scaled_dot_product_flash_attention_for_cpu", &attention<5>);
}

}  // namespace sotto::optim

// Transfer rules of operators that rearrange, select, join or reduce dimensions.

#include <sotto/optim/transfer_table.h>

namespace sotto::optim {
namespace {

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
    const bool left_out = tensor.dim() == 1 && tensor.numel() == 0;  // cat skips it
    if (result && !left_out && !call.position_of(tensor)) require_uniform(call, tensor, result->dim, *result);
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

// flip, roll and Fourier transforms: a list of dimensions.
template <size_t kDims>
OutputPositions along_dims(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  const auto dims = call.integers(kDims);
  if (dims.empty()) refuse(std::string(kMixes) + " (it treats the tensor as one list)");
  for (int64_t dim : dims) {
    if (wrap_dim(dim, call.tensor(0).dim()) == position.dim) refuse(kMixes);
  }
  return same_for_all(call, position);
}

// sort(self, dim, descending) or, stable, (self, stable, dim, descending)
OutputPositions sort(const OperatorCall& call) {
  return call.arguments.size() == 3 ? along_dim<1>(call) : along_dim<2>(call);
}

OutputPositions repeat(const OperatorCall& call) {
  BatchPosition position = required(call, 0);
  const auto repeats = call.integers(1);
  position.dim += static_cast<int64_t>(repeats.size()) - call.tensor(0).dim();
  if (repeats[static_cast<size_t>(position.dim)] != 1) refuse("repeats the batch");
  return same_for_all(call, position);
}

// A constant row looked up by the records, or other dimensions of the records looked up by constants.
OutputPositions index_select(const OperatorCall& call) {
  if (auto position = call.position(2)) {
    require_constant(call, 0);
    if (call.tensor(0).dim() > 0) position->dim = wrap_dim(call.integer(1), call.tensor(0).dim());
    return same_for_all(call, *position);
  }
  return along_dim<1>(call);
}

// index(self, indices): self[indices[0], indices[1], ...], an undefined entry keeps the dimension.
OutputPositions index(const OperatorCall& call) {
  int64_t first = -1, last = -1, rank = 0, given = 0;
  std::optional<BatchPosition> looked_up;
  const auto entries = call.arguments.at(1).toListRef();
  for (size_t d = 0; d < entries.size(); ++d) {
    if (!entries[d].isTensor() || !entries[d].toTensor().defined()) continue;
    const at::Tensor& entry = entries[d].toTensor();
    if (entry.scalar_type() == at::kBool || entry.scalar_type() == at::kByte) {
      refuse("selects by a mask, so that the shape depends on its values; use where or masked_fill");
    }
    if (first < 0) first = static_cast<int64_t>(d);
    last = static_cast<int64_t>(d);
    ++given;
    rank = std::max(rank, entry.dim());
    if (const auto position = call.position_of(entry)) looked_up = position;
  }
  if (looked_up) {
    if (call.position(0) || given != 1 || first != 0) refuse(kMixes);
    return same_for_all(call, *looked_up);
  }
  BatchPosition position = required(call, 0);
  if (given != last - first + 1)
    refuse("moves the indexed dimensions to the front; index neighbours, or permute first");
  if (position.dim >= first && position.dim <= last) refuse("picks single records out of the batch");
  if (position.dim > last) position.dim += rank - given;
  return same_for_all(call, position);
}

OutputPositions gather(const OperatorCall& call) {
  const auto rows = call.position(0);
  const auto chosen = call.position(2);
  const BatchPosition position = rows ? *rows : required(call, 2);
  if (rows && chosen && *rows != *chosen) refuse(kMixes);
  if (wrap_dim(call.integer(1), call.tensor(0).dim()) == position.dim) refuse(kMixes);
  if (!rows) require_uniform(call, call.tensor(0), position.dim, position);
  if (!chosen) require_uniform(call, call.tensor(2), position.dim, position);
  return same_for_all(call, position);
}

// x[:, 0] in TorchScript begins with a slice of all records.
OutputPositions slice(const OperatorCall& call) {
  const bool everything =
      call.outputs[0].sizes() == call.tensor(0).sizes() && call.outputs[0].strides() == call.tensor(0).strides();
  return everything ? same_for_all(call, required(call, 0)) : along_dim<1>(call);
}

// Padding of the last dimensions by pairs (before, after), innermost first.
OutputPositions pad(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  if (position.dim >= call.tensor(0).dim() - static_cast<int64_t>(call.integers(1).size()) / 2) refuse(kMixes);
  return same_for_all(call, position);
}

}  // namespace

void add_shape_rules(TransferTable& table) {
  table.emplace("aten::_softmax", &along_dim<1>);
  table.emplace("aten::_log_softmax", &along_dim<1>);
  table.emplace("aten::softmax", &along_dim<1>);
  table.emplace("aten::log_softmax", &along_dim<1>);
  table.emplace("aten::cumsum", &along_dim<1>);
  table.emplace("aten::glu", &along_dim<1>);
  table.emplace("aten::slice", &slice);
  table.emplace("aten::split", &along_dim<2>);
  table.emplace("aten::split_with_sizes", &along_dim<2>);
  table.emplace("aten::chunk", &along_dim<2>);
  table.emplace("aten::unsafe_split", &along_dim<2>);
  table.emplace("aten::unsafe_split_with_sizes", &along_dim<2>);
  table.emplace("aten::unsafe_chunk", &along_dim<2>);
  table.emplace("aten::unfold", &along_dim<1>);
  table.emplace("aten::cumprod", &along_dim<1>);
  table.emplace("aten::logcumsumexp", &along_dim<1>);
  table.emplace("aten::cummax", &along_dim<1>);
  table.emplace("aten::topk", &along_dim<2>);
  table.emplace("aten::sort", &sort);
  table.emplace("aten::flip", &along_dims<1>);
  table.emplace("aten::_fft_r2c", &along_dims<1>);
  table.emplace("aten::_fft_c2c", &along_dims<1>);
  table.emplace("aten::_fft_c2r", &along_dims<1>);
  table.emplace("aten::roll", &along_dims<2>);
  table.emplace("aten::repeat", &repeat);
  table.emplace("aten::index", &index);
  table.emplace("aten::_safe_softmax", &along_dim<1>);
  table.emplace("aten::select", &removing_dim<1>);
  table.emplace("aten::unbind", &removing_dim<1>);
  table.emplace("aten::sum", &reduction<1, 2>);
  table.emplace("aten::mean", &reduction<1, 2>);
  table.emplace("aten::amax", &reduction<1, 2>);
  table.emplace("aten::amin", &reduction<1, 2>);
  table.emplace("aten::logsumexp", &reduction<1, 2>);
  table.emplace("aten::argmax", &reduction<1, 2>);
  table.emplace("aten::argmin", &reduction<1, 2>);
  table.emplace("aten::prod", &reduction<1, 2>);
  table.emplace("aten::any", &reduction<1, 2>);
  table.emplace("aten::all", &reduction<1, 2>);
  table.emplace("aten::var_mean", &reduction<1, 3>);
  table.emplace("aten::std_mean", &reduction<1, 3>);
  table.emplace("aten::max", &maximum);
  table.emplace("aten::min", &maximum);
  table.emplace("aten::norm", &reduction<2, 3>);
  table.emplace("aten::var", &reduction<1, 3>);
  table.emplace("aten::std", &reduction<1, 3>);
  table.emplace("aten::linalg_vector_norm", &reduction<2, 3>);
  table.emplace("aten::view", &reshape);
  table.emplace("aten::reshape", &reshape);
  table.emplace("aten::flatten", &reshape);
  table.emplace("aten::unflatten", &reshape);
  table.emplace("aten::_unsafe_view", &reshape);
  table.emplace("aten::expand", &expand);
  table.emplace("aten::transpose", &transpose);
  table.emplace("aten::t", &transpose);
  table.emplace("aten::permute", &permute);
  table.emplace("aten::unsqueeze", &unsqueeze);
  table.emplace("aten::squeeze", &squeeze);
  table.emplace("aten::cat", &cat);
  table.emplace("aten::stack", &stack);
  table.emplace("aten::index_select", &index_select);
  table.emplace("aten::gather", &gather);
  for (const char* name : {"aten::constant_pad_nd", "aten::pad", "aten::_pad_enum", "aten::_pad_circular",
                           "aten::reflection_pad1d", "aten::reflection_pad2d", "aten::reflection_pad3d",
                           "aten::replication_pad1d", "aten::replication_pad2d", "aten::replication_pad3d"}) {
    table.emplace(name, &pad);
  }
}

}  // namespace sotto::optim

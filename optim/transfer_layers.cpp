// Transfer rules of layers: convolution, pooling, resizing, normalisation, embedding, classification losses.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <fmt/format.h>
#include <sotto/optim/group_count.h>
#include <sotto/optim/lstm_layer.h>
#include <sotto/optim/transfer_table.h>

#include <algorithm>

namespace sotto::optim {
namespace {

OutputPositions convolution(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  require_constant(call, 1);
  require_constant(call, 2);
  if (position.dim != 0) refuse(kMixes);
  return same_for_all(call, position);
}

// Operators that work inside the last kSpatial dimensions.
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
    const int64_t channels = call.tensor(0).size(1);
    refuse(
        fmt::format("is batch norm in training mode: it normalises with the statistics of the whole batch, so that "
                    "every record changes every other record's gradient. Replace it by GroupNorm({}, {}) or LayerNorm, "
                    "or freeze it with eval()",
                    group_count(channels), channels));
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

OutputPositions rms_norm(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  require_constant(call, 2);
  if (position.dim >= call.tensor(0).dim() - static_cast<int64_t>(call.integers(1).size())) refuse(kMixes);
  return same_for_all(call, position);
}

OutputPositions instance_norm(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  for (size_t a = 1; a <= 4; ++a) require_constant(call, a);
  if (position.dim != 0) refuse(kMixes);
  if (call.flag(5) && (call.has_tensor(3) || call.has_tensor(4))) {
    refuse(
        "updates running statistics with the records of the whole batch. Build it without them (track_running_stats "
        "false)");
  }
  return same_for_all(call, position);
}

// Every bag has the same number of tokens: indices [bags * L], offsets L * (0, 1, 2, ...), as a layer makes them out of
// indices [bags, L].
OutputPositions embedding_bag(const OperatorCall& call) {
  require_constant(call, 0);
  const BatchPosition position = required(call, 1);
  const at::Tensor& offsets = call.tensor(2);
  const int64_t bags = call.outputs.at(0).size(0);
  const int64_t tokens = call.tensor(1).numel();
  const bool flat = call.tensor(1).dim() == 1 && !call.position(2) && bags > 0 && tokens % bags == 0;
  const int64_t length = flat ? tokens / bags : 1;
  if (!flat || position.inner % length != 0 ||
      !at::equal(offsets, at::arange(0, length * offsets.numel(), std::max<int64_t>(1, length), offsets.options()))) {
    refuse(
        "takes bags of different lengths, so that it cannot be told which tokens are whose. Pass indices [bags, L], "
        "padded with padding_idx");
  }
  if (call.has_tensor(6) && call.position(6) != position) refuse(kMixes);
  const BatchPosition of_bags{0, position.outer, position.inner / length};
  OutputPositions result(call.outputs.size());
  for (size_t o = 0; o < result.size(); ++o) {
    if (o != 1 && call.outputs[o].dim() > 0 && call.outputs[o].size(0) == bags) result[o] = of_bags;
  }
  return result;
}

OutputPositions grid_sampler(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  if (position.dim != 0 || call.position(1) != position) refuse(kMixes);
  return same_for_all(call, position);
}

OutputPositions lstm_layer(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  const BatchPosition of_states{0, 1, 1};
  if (position != BatchPosition{1, 1, 1}) refuse(kMixes);
  for (size_t state : {1, 2}) {
    if (!call.position(state)) {
      require_uniform(call, call.tensor(state), 0, of_states);
    } else if (call.position(state) != of_states) {
      refuse(kMixes);
    }
  }
  for (size_t a = 3; a <= 6; ++a) require_constant(call, a);
  return {position, of_states, of_states, position};
}

OutputPositions packed(const OperatorCall&) {
  refuse(
      "packs sequences of the whole batch by time step, so that no dimension belongs to the records any more. Pass the "
      "padded sequences to the layer and mask its outputs behind each length");
}

}  // namespace

void add_layer_rules(TransferTable& table) {
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
  table.emplace("aten::adaptive_max_pool3d", &spatial<3>);
  for (const char* name : {"aten::upsample_nearest1d", "aten::_upsample_nearest_exact1d", "aten::upsample_linear1d"}) {
    table.emplace(name, &spatial<1>);
  }
  for (const char* name : {"aten::upsample_nearest2d", "aten::_upsample_nearest_exact2d", "aten::upsample_bilinear2d",
                           "aten::upsample_bicubic2d", "aten::_upsample_bilinear2d_aa", "aten::_upsample_bicubic2d_aa",
                           "aten::col2im", "aten::tril", "aten::triu"}) {
    table.emplace(name, &spatial<2>);
  }
  for (const char* name : {"aten::upsample_nearest3d", "aten::_upsample_nearest_exact3d", "aten::upsample_trilinear3d",
                           "aten::pixel_shuffle", "aten::pixel_unshuffle", "aten::im2col"}) {
    table.emplace(name, &spatial<3>);
  }
  table.emplace("aten::grid_sampler_2d", &grid_sampler);
  table.emplace("aten::grid_sampler_3d", &grid_sampler);
  table.emplace("aten::_pack_padded_sequence", &packed);
  table.emplace("aten::rms_norm", &rms_norm);
  table.emplace("aten::instance_norm", &instance_norm);
  table.emplace("aten::embedding_bag", &embedding_bag);
  table.emplace("aten::embedding", &embedding);
  table.emplace("aten::native_layer_norm", &layer_norm);
  table.emplace("aten::native_group_norm", &group_norm);
  table.emplace("aten::batch_norm", &batch_norm);
  table.emplace(kLstmLayer, &lstm_layer);
  table.emplace("aten::nll_loss_forward", &nll_loss);
  table.emplace("aten::nll_loss2d_forward", &nll_loss);
}

}  // namespace sotto::optim

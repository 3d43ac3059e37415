#include <ATen/TensorOperators.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/rsqrt.h>
#include <sotto/optim/direct_use.h>
#include <sotto/optim/normalisation_use.h>
#include <sotto/optim/saved_tensor.h>

#include <functional>

namespace sotto::optim {
namespace {

using UsePointer = std::unique_ptr<ParameterUse>;

// Sums over the places of a record but keeps the last `kept` dimensions (layer norm) or the channel dimension.
at::Tensor sum_places(const at::Tensor& tensor, BatchPosition position, int64_t batch, int64_t kept) {
  const at::Tensor records = batch_first(tensor, position, batch);
  int64_t elements = 1;
  for (int64_t d = records.dim() - kept; d < records.dim(); ++d) elements *= records.size(d);
  return records.reshape({batch, -1, elements}).sum(1);
}

UsePointer channel_scale(BatchPosition output, int64_t batch, std::function<at::Tensor()> normalized) {
  return make_direct_use([=](const at::Tensor& gradient) {
    const at::Tensor product = batch_first(normalized() * gradient, output, batch);  // [B, outer, inner, C, ...]
    return product.reshape({batch, product.size(1) * product.size(2), product.size(3), -1}).sum({1, 3});
  });
}

at::Tensor in_dtype_of(const at::Tensor& gradient, const SavedTensor& tensor) {
  return tensor.get().to(gradient.scalar_type());
}

}  // namespace

// native_layer_norm(input, normalized_shape, weight?, bias?, eps) -> output, mean, rstd
UsePointer layer_norm_use(const OperatorCall& call, size_t argument, BatchPosition output) {
  const auto kept = static_cast<int64_t>(call.integers(1).size());
  const int64_t batch = call.batch;
  if (argument == 3) {
    return make_direct_use([=](const at::Tensor& gradient) { return sum_places(gradient, output, batch, kept); });
  }
  if (argument != 2) return nullptr;
  return make_direct_use([=, input = SavedTensor(call.tensor(0)), mean = call.outputs.at(1).detach(),
                          rstd = call.outputs.at(2).detach()](const at::Tensor& gradient) {
    return sum_places((in_dtype_of(gradient, input) - mean).mul_(rstd).mul_(gradient), output, batch, kept);
  });
}

// native_group_norm(input, weight?, bias?, N, C, HxW, group, eps) -> output, mean [N, group], rstd [N, group]
UsePointer group_norm_use(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 2) return make_channel_bias_use(output, call.batch);
  if (argument != 1) return nullptr;
  return channel_scale(
      output, call.batch,
      [input = SavedTensor(call.tensor(0)), mean = call.outputs.at(1).detach(), rstd = call.outputs.at(2).detach(),
       groups = call.integer(6)] {
        const at::Tensor x = input.get().contiguous();
        const at::Tensor grouped = x.view({x.size(0), groups, -1});
        return (grouped - mean.view({x.size(0), groups, 1})).mul_(rstd.view({x.size(0), groups, 1})).view(x.sizes());
      });
}

// batch_norm(input, weight?, bias?, running_mean?, running_var?, training, momentum, eps, cudnn_enabled), not training
UsePointer batch_norm_use(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (output.dim != 0) throw Refusal{"normalises channels with the records elsewhere than in dimension 0"};
  if (argument == 2) return make_channel_bias_use(output, call.batch);
  if (argument != 1) return nullptr;
  return channel_scale(output, call.batch,
                       [input = SavedTensor(call.tensor(0)), mean = SavedTensor(call.tensor(3)),
                        variance = SavedTensor(call.tensor(4)), eps = call.number(7)] {
                         std::vector<int64_t> channels(static_cast<size_t>(input.get().dim()), 1);
                         channels[1] = -1;
                         return (input.get() - mean.get().view(channels)) *
                                at::rsqrt(variance.get() + eps).view(channels);
                       });
}

// rms_norm(input, normalized_shape, weight?, eps?)
UsePointer rms_norm_use(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument != 2) return nullptr;
  const auto shape = call.integers(1);
  const std::optional<double> eps = call.arguments.at(3).isNone() ? std::nullopt : std::optional(call.number(3));
  return make_direct_use([=, batch = call.batch, input = SavedTensor(call.tensor(0))](const at::Tensor& gradient) {
    const at::Tensor normalized = at::rms_norm(in_dtype_of(gradient, input), shape, {}, eps);
    return sum_places(normalized * gradient, output, batch, static_cast<int64_t>(shape.size()));
  });
}

// instance_norm(input, weight?, bias?, running_mean?, running_var?, use_input_stats, momentum, eps, cudnn_enabled)
UsePointer instance_norm_use(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 2) return make_channel_bias_use(output, call.batch);
  if (argument != 1) return nullptr;
  if (!call.flag(5)) throw Refusal{"normalises with running statistics; use batch norm in evaluation mode for that"};
  return channel_scale(output, call.batch, [input = SavedTensor(call.tensor(0)), eps = call.number(7)] {
    return at::instance_norm(input.get(), {}, {}, {}, {}, true, 0.0, eps, false);
  });
}

}  // namespace sotto::optim

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/rsqrt.h>
#include <sotto/kernels/normalisation_rows.h>
#include <sotto/optim/direct_use.h>
#include <sotto/optim/normalisation_use.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>

#include <algorithm>
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

// A tensor as the kernel reads it: in the dtype of the gradient, the records in front.
at::Tensor by_records(const at::Tensor& tensor, const at::Tensor& gradient, BatchPosition position, int64_t batch) {
  return batch_first(tensor.to(gradient.scalar_type()), position, batch).contiguous();
}

// Rows of the scale, [B, channels]: sums over places of gradient (input - mean) reciprocal_deviation. Tensors are
// by_records(), or statistics that all records share.
at::Tensor scale_rows(const StepDevice& device, kernels::NormalisationShape shape, const at::Tensor& input,
                      const at::Tensor& mean, const at::Tensor& reciprocal_deviation, const at::Tensor& gradient) {
  const auto per_record = static_cast<size_t>(gradient.numel() / std::max<int64_t>(1, gradient.size(0)));
  shape.records = static_cast<size_t>(gradient.size(0));
  shape.input_record_stride = shape.gradient_record_stride = per_record;
  const auto channels = static_cast<int64_t>(shape.channels);
  at::Tensor rows = at::empty({gradient.size(0), channels}, gradient.options());
  for_float_or_double(gradient, [&](auto zero) {
    using T = decltype(zero);
    const T* const of_input = input.const_data_ptr<T>();
    const T* const of_gradient = gradient.const_data_ptr<T>();
    const T* const means = mean.const_data_ptr<T>();
    const T* const reciprocals = reciprocal_deviation.const_data_ptr<T>();
    T* const to = rows.mutable_data_ptr<T>();
    if (device.has_table()) {
      device.run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
        launcher<T>(table.normalisation_rows_float, table.normalisation_rows_double)(
            shape, of_input, means, reciprocals, of_gradient, to, nullptr, stream, kernels::kDeviceBlock);
      });
      return;
    }
    at::parallel_for(0, gradient.size(0), 1, [&](int64_t begin, int64_t end) {
      const auto first = static_cast<size_t>(begin);
      kernels::NormalisationShape part = shape;
      part.records = static_cast<size_t>(end - begin);
      const size_t statistic = first * shape.statistic_record_stride;
      kernels::normalisation_rows(part, of_input + first * per_record, means + statistic, reciprocals + statistic,
                                  of_gradient + first * per_record, to + begin * channels, static_cast<T*>(nullptr));
    });
  });
  return rows;
}

// Of by_records() images [B, outer, inner, channels, places...], with statistics per image and group of channels.
kernels::NormalisationShape channel_shape(const at::Tensor& images, size_t groups) {
  kernels::NormalisationShape shape{.outer = static_cast<size_t>(images.size(1) * images.size(2)),
                                    .channels = static_cast<size_t>(images.size(3))};
  for (int64_t d = 4; d < images.dim(); ++d) shape.inner *= static_cast<size_t>(images.size(d));
  shape.channels_per_statistic = shape.channels / groups;
  shape.statistic_record_stride = shape.outer * groups;
  shape.statistic_outer_stride = groups;
  return shape;
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
  return make_device_use([=, input = SavedTensor(call.tensor(0)), mean = call.outputs.at(1).detach(),
                          rstd = call.outputs.at(2).detach()](const StepDevice& device, const at::Tensor& gradient) {
    const auto records = [&](const at::Tensor& tensor) { return by_records(tensor, gradient, output, batch); };
    const at::Tensor x = records(input.get());
    const at::Tensor means = records(mean);
    kernels::NormalisationShape shape{.outer = static_cast<size_t>(means.numel() / std::max<int64_t>(1, batch))};
    shape.channels = shape.channels_per_statistic =
        static_cast<size_t>(x.numel() / std::max<int64_t>(1, means.numel()));
    shape.statistic_record_stride = shape.outer;
    shape.statistic_outer_stride = 1;
    return scale_rows(device, shape, x, means, records(rstd), records(gradient));
  });
}

// native_group_norm(input, weight?, bias?, N, C, HxW, group, eps) -> output, mean [N, group], rstd [N, group]
UsePointer group_norm_use(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 2) return make_channel_bias_use(output, call.batch);
  if (argument != 1) return nullptr;
  return make_device_use(
      [=, batch = call.batch, input = SavedTensor(call.tensor(0)), mean = call.outputs.at(1).detach(),
       rstd = call.outputs.at(2).detach(),
       groups = static_cast<size_t>(call.integer(6))](const StepDevice& device, const at::Tensor& gradient) {
        const auto records = [&](const at::Tensor& tensor) { return by_records(tensor, gradient, output, batch); };
        const at::Tensor x = records(input.get());
        return scale_rows(device, channel_shape(x, groups), x, records(mean), records(rstd), records(gradient));
      });
}

// batch_norm(input, weight?, bias?, running_mean?, running_var?, training, momentum, eps, cudnn_enabled), not training
UsePointer batch_norm_use(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (output.dim != 0) throw Refusal{"normalises channels with the records elsewhere than in dimension 0"};
  if (argument == 2) return make_channel_bias_use(output, call.batch);
  if (argument != 1) return nullptr;
  return make_device_use([=, batch = call.batch, input = SavedTensor(call.tensor(0)),
                          mean = SavedTensor(call.tensor(3)), variance = SavedTensor(call.tensor(4)),
                          eps = call.number(7)](const StepDevice& device, const at::Tensor& gradient) {
    const at::Tensor x = by_records(input.get(), gradient, output, batch);
    kernels::NormalisationShape shape = channel_shape(x, 1);
    shape.channels_per_statistic = 1;
    shape.statistic_record_stride = shape.statistic_outer_stride = 0;
    const at::Tensor reciprocal_deviation = at::rsqrt(variance.get() + eps).to(gradient.scalar_type()).contiguous();
    return scale_rows(device, shape, x, in_dtype_of(gradient, mean).contiguous(), reciprocal_deviation,
                      by_records(gradient, gradient, output, batch));
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

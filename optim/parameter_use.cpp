#include <ATen/TensorOperators.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/zeros.h>
#include <sotto/optim/convolution_use.h>
#include <sotto/optim/direct_use.h>
#include <sotto/optim/embedding_use.h>
#include <sotto/optim/matrix_use.h>
#include <sotto/optim/parameter_use.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>

#include <map>
#include <string_view>

namespace sotto::optim {
namespace {

using UsePointer = std::unique_ptr<ParameterUse>;
using UseRule = UsePointer (*)(const OperatorCall& call, size_t argument, BatchPosition output);

// linear(input, weight, bias?)
UsePointer linear(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 1) {
    return make_matrix_use(call.tensor(0), *call.position(0), output, call.batch, /*transposed=*/false, 1.0);
  }
  if (argument == 2) return make_bias_use(call.tensor(2).sizes(), output, call.batch, 1.0);
  return nullptr;
}

void require_one_for_all_places(const OperatorCall& call, size_t argument, BatchPosition output) {
  const at::Tensor& parameter = call.tensor(argument);
  const int64_t aligned = output.dim - (call.outputs.at(0).dim() - parameter.dim());
  if (aligned >= 0 && parameter.size(aligned) != 1) {
    throw Refusal{
        "adds a parameter with one entry per place in the batch, so that a record's gradient depends on its place"};
  }
}

// mm(self, mat2)
UsePointer mm(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument != 1) return nullptr;
  return make_matrix_use(call.tensor(0), *call.position(0), output, call.batch, /*transposed=*/true, 1.0);
}

// addmm(self, mat1, mat2, *, beta, alpha)
UsePointer addmm(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 0) {
    require_one_for_all_places(call, 0, output);
    return make_bias_use(call.tensor(0).sizes(), output, call.batch, call.number(3));
  }
  if (argument != 2) return nullptr;
  return make_matrix_use(call.tensor(1), *call.position(1), output, call.batch, /*transposed=*/true, call.number(4));
}

// add(self, other, *, alpha); sub differs in the sign of other
UsePointer added(const OperatorCall& call, size_t argument, BatchPosition output, double sign) {
  require_one_for_all_places(call, argument, output);
  const double scale = argument == 1 ? sign * call.number(2) : 1.0;
  return make_bias_use(call.tensor(argument).sizes(), output, call.batch, scale);
}
UsePointer add(const OperatorCall& call, size_t argument, BatchPosition output) {
  return argument <= 1 ? added(call, argument, output, 1.0) : nullptr;
}
UsePointer sub(const OperatorCall& call, size_t argument, BatchPosition output) {
  return argument <= 1 ? added(call, argument, output, -1.0) : nullptr;
}

// convolution(input, weight, bias?, stride, padding, dilation, transposed, output_padding, groups)
UsePointer convolution(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 2) return make_channel_bias_use(output, call.batch);
  if (argument != 1 || call.flag(6)) return nullptr;
  const auto spatial = static_cast<size_t>(call.tensor(1).dim() - 2);
  const auto per_dimension = [spatial](std::vector<int64_t> values) {
    if (values.size() == 1) values.resize(spatial, values[0]);
    return values;
  };
  ConvolutionGeometry geometry;
  geometry.kernel = call.tensor(1).sizes().slice(2).vec();
  geometry.stride = per_dimension(call.integers(3));
  geometry.padding = per_dimension(call.integers(4));
  geometry.dilation = per_dimension(call.integers(5));
  geometry.groups = call.integer(8);
  return make_convolution_use(call.tensor(0), *call.position(0), output, call.batch, std::move(geometry));
}

// embedding(weight, indices, padding_idx, scale_grad_by_freq, sparse)
UsePointer embedding(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument != 0) return nullptr;
  if (call.flag(3))
    throw Refusal{"scales gradients by how often a token occurs in the whole batch (scale_grad_by_freq)"};
  return make_embedding_use(call.tensor(1), *call.position(1), output, call.batch, call.tensor(0).size(0),
                            call.integer(2));
}

// Sums over the places of a record but keeps the last `kept` dimensions (layer norm) or the channel dimension.
at::Tensor sum_places(const at::Tensor& tensor, BatchPosition position, int64_t batch, int64_t kept) {
  const at::Tensor records = batch_first(tensor, position, batch);
  int64_t elements = 1;
  for (int64_t d = records.dim() - kept; d < records.dim(); ++d) elements *= records.size(d);
  return records.reshape({batch, -1, elements}).sum(1);
}

// native_layer_norm(input, normalized_shape, weight?, bias?, eps) -> output, mean, rstd
UsePointer layer_norm(const OperatorCall& call, size_t argument, BatchPosition output) {
  const auto kept = static_cast<int64_t>(call.integers(1).size());
  const int64_t batch = call.batch;
  if (argument == 3) {
    return make_direct_use([=](const at::Tensor& gradient) { return sum_places(gradient, output, batch, kept); });
  }
  if (argument != 2) return nullptr;
  return make_direct_use([=, input = SavedTensor(call.tensor(0)), mean = call.outputs.at(1).detach(),
                          rstd = call.outputs.at(2).detach()](const at::Tensor& gradient) {
    return sum_places((input.get() - mean).mul_(rstd).mul_(gradient), output, batch, kept);
  });
}

UsePointer channel_scale(BatchPosition output, int64_t batch, std::function<at::Tensor()> normalized) {
  return make_direct_use([=](const at::Tensor& gradient) {
    const at::Tensor product = batch_first(normalized() * gradient, output, batch);  // [B, outer, inner, C, ...]
    return product.reshape({batch, product.size(1) * product.size(2), product.size(3), -1}).sum({1, 3});
  });
}

// native_group_norm(input, weight?, bias?, N, C, HxW, group, eps) -> output, mean [N, group], rstd [N, group]
UsePointer group_norm(const OperatorCall& call, size_t argument, BatchPosition output) {
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
UsePointer batch_norm(const OperatorCall& call, size_t argument, BatchPosition output) {
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

const std::map<std::string_view, UseRule>& rules() {
  static const std::map<std::string_view, UseRule> table = {
      {"aten::linear", &linear},
      {"aten::mm", &mm},
      {"aten::addmm", &addmm},
      {"aten::add", &add},
      {"aten::sub", &sub},
      {"aten::convolution", &convolution},
      {"aten::embedding", &embedding},
      {"aten::native_layer_norm", &layer_norm},
      {"aten::native_group_norm", &group_norm},
      {"aten::batch_norm", &batch_norm},
  };
  return table;
}

}  // namespace

void ParameterUse::add_weighted_strided(const at::Tensor& weights, at::Tensor& total) {
  at::Tensor sum = at::zeros({total.numel()}, total.options());
  add_weighted(weights, sum);
  total.add_(sum.view(total.sizes()));
}

const char* to_string(Strategy strategy) {
  switch (strategy) {
    case Strategy::automatic:
      return "automatic";
    case Strategy::rank_one:
      return "rank-one";
    case Strategy::gram:
      return "gram";
    case Strategy::keep:
      return "keep";
    case Strategy::drop:
      return "drop";
  }
  return "unknown";
}

std::unique_ptr<ParameterUse> make_parameter_use(const OperatorCall& call, size_t argument, BatchPosition output) {
  const auto rule = rules().find(call.name);
  return rule == rules().end() ? nullptr : rule->second(call, argument, output);
}

}  // namespace sotto::optim

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <sotto/optim/convolution_use.h>
#include <sotto/optim/direct_use.h>
#include <sotto/optim/embedding_bag_use.h>
#include <sotto/optim/embedding_use.h>
#include <sotto/optim/lstm_layer.h>
#include <sotto/optim/matrix_use.h>
#include <sotto/optim/normalisation_use.h>
#include <sotto/optim/parameter_use.h>
#include <sotto/optim/product_use.h>
#include <sotto/optim/replayed_use.h>
#include <sotto/optim/saved_tensor.h>

#include <map>
#include <string_view>

namespace sotto::optim {
namespace {

using UsePointer = std::unique_ptr<ParameterUse>;
using UseRule = UsePointer (*)(const OperatorCall& call, size_t argument, BatchPosition output);

// linear(input, weight, bias?)
MadeUse linear(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 0) return make_replayed_use(call, 0, output, output);
  if (argument == 1) {
    return {make_matrix_use(call.tensor(0), *call.position(0), output, call.outputs.at(0).size(-1), call.batch,
                            /*transposed=*/false, 1.0, call.outputs.at(0).scalar_type())};
  }
  if (argument == 2) return {make_bias_use(call.tensor(2).sizes(), output, call.batch, 1.0)};
  return {};
}

// A product of which the parameter is one factor; `first` and `second` are the arguments of the two.
MadeUse factor(const OperatorCall& call, size_t argument, size_t first, size_t second, BatchPosition output,
               double scale) {
  if (argument != first && argument != second) return {};
  const size_t other = argument == first ? second : first;
  if (!call.position(other)) return make_replayed_use(call, argument, output, output);  // its rows are the records
  const BatchPosition input = *call.position(other);
  const at::Tensor& activation = call.tensor(other);
  if (argument == second && activation.dim() == 2) {
    return {make_matrix_use(activation, input, output, call.outputs.at(0).size(-1), call.batch, /*transposed=*/true,
                            scale)};
  }
  MadeUse made{make_product_use(activation, input, output, call.outputs.at(0).sizes(), call.batch,
                                /*parameter_in_front=*/argument == first, scale)};
  if (output.dim == 0 && activation.dim() == 3) made.replicated = output;
  return made;
}

// One entry for all records in the dimension that meets the batch.
bool shared(const OperatorCall& call, size_t argument, BatchPosition output) {
  const int64_t aligned = output.dim - (call.outputs.at(0).dim() - call.tensor(argument).dim());
  return aligned < 0 || call.tensor(argument).size(aligned) == 1;
}

MadeUse added(const OperatorCall& call, size_t argument, BatchPosition output, double scale) {
  if (!shared(call, argument, output)) return make_broadcast_use(call, argument, output);
  return {make_bias_use(call.tensor(argument).sizes(), output, call.batch, scale)};
}

// mm(self, mat2) and bmm(self, mat2)
MadeUse mm(const OperatorCall& call, size_t argument, BatchPosition output) {
  return factor(call, argument, 0, 1, output, 1.0);
}

// addmm(self, mat1, mat2, *, beta, alpha) and baddbmm
MadeUse addmm(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 0) return added(call, 0, output, call.number(3));
  return factor(call, argument, 1, 2, output, call.number(4));
}

// mv(self, vec)
UsePointer mv(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument != 1) return nullptr;
  return make_direct_use([output, batch = call.batch, matrix = SavedTensor(call.tensor(0)),
                          input = *call.position(0)](const at::Tensor& gradient) {
    const at::Tensor rows = batch_first(matrix.get().to(gradient.scalar_type()), input, batch).flatten(1, 2);
    return (rows * batch_first(gradient, output, batch).flatten(1, 2).unsqueeze(2)).sum(1);
  });
}

// bilinear(input1, input2, weight, bias?)
UsePointer bilinear(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 3) return make_bias_use(call.tensor(3).sizes(), output, call.batch, 1.0);
  if (argument != 2) return nullptr;
  const at::Tensor products =
      (call.tensor(0).detach().unsqueeze(-1) * call.tensor(1).detach().unsqueeze(-2)).flatten(-2);
  return make_matrix_use(products, *call.position(0), output, call.outputs.at(0).size(-1), call.batch,
                         /*transposed=*/false, 1.0);
}

// add(self, other, *, alpha); sub differs in the sign of other
MadeUse add(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument > 1) return {};
  return added(call, argument, output, argument == 1 ? call.number(2) : 1.0);
}
MadeUse sub(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument > 1) return {};
  return added(call, argument, output, argument == 1 ? -call.number(2) : 1.0);
}

// cat(tensors, dim) and stack(tensors, dim): the parameter fills the entries [begin, begin + size) of dimension dim.
MadeUse joined(const OperatorCall& call, size_t argument, size_t element, BatchPosition output, bool stacked) {
  if (argument != 0) return {};
  const at::Tensor& whole = call.outputs.at(0);
  const int64_t dim = wrap_dim(call.integer(1), whole.dim());
  const auto tensors = call.arguments[0].toTensorVector();
  int64_t begin = stacked ? static_cast<int64_t>(element) : 0;
  for (size_t t = 0; !stacked && t < element; ++t) begin += tensors[t].dim() == whole.dim() ? tensors[t].size(dim) : 0;
  const int64_t size = stacked ? 1 : tensors[element].size(dim);
  BatchPosition position = output;
  if (stacked && dim < output.dim) --position.dim;
  return {make_direct_use([=, batch = call.batch](const at::Tensor& gradient) {
            const at::Tensor part = gradient.narrow(dim, begin, size);
            return batch_first(stacked ? part.squeeze(dim) : part, position, batch).reshape({batch, -1});
          }),
          position};
}

// masked_fill(self, mask, value)
MadeUse masked_fill(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 0) return make_broadcast_use(call, argument, output);
  if (argument != 2) return {};
  return {make_direct_use([output, batch = call.batch, mask = SavedTensor(call.tensor(1))](const at::Tensor& gradient) {
    return batch_first(gradient * mask.get(), output, batch).reshape({batch, -1}).sum(1, /*keepdim=*/true);
  })};
}

// scaled_dot_product_attention(query, key, value, attn_mask?, dropout_p, is_causal, *, scale?, enable_gqa)
MadeUse attention(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (call.number(4) != 0.0) throw Refusal{"draws dropout inside; apply dropout to its result instead"};
  return make_broadcast_use(call, argument, output);
}

// convolution(input, weight, bias?, stride, padding, dilation, transposed, output_padding, groups)
UsePointer convolution(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument == 2) return make_channel_bias_use(output, call.batch);
  if (argument != 1) return nullptr;
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
  geometry.transposed = call.flag(6);
  return make_convolution_use(call.tensor(0), *call.position(0), output, call.outputs.at(0).sizes(), call.batch,
                              std::move(geometry));
}

// embedding(weight, indices, padding_idx, scale_grad_by_freq, sparse)
UsePointer embedding(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument != 0) return nullptr;
  if (call.flag(3))
    throw Refusal{"scales gradients by how often a token occurs in the whole batch (scale_grad_by_freq)"};
  return make_embedding_use({.tokens = call.tensor(1),
                             .position = *call.position(1),
                             .vocabulary = call.tensor(0).size(0),
                             .padding = call.integer(2)},
                            output, call.batch);
}

// index(self, indices) with one index tensor in front, and index_select(self, 0, index): rows looked up by the records.
UsePointer indexed(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument != 0 || call.tensor(0).dim() != 2) return nullptr;
  const at::Tensor index = call.arguments[1].toListRef()[0].toTensor();
  const int64_t rows = call.tensor(0).size(0);
  const at::Tensor from_front = index.to(at::kLong).remainder(rows);  // -1 is the last row
  return make_embedding_use({.tokens = from_front, .position = *call.position_of(index), .vocabulary = rows}, output,
                            call.batch);
}
UsePointer index_selected(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument != 0 || call.tensor(0).dim() != 2 || wrap_dim(call.integer(1), 2) != 0) return nullptr;
  return make_embedding_use(
      {.tokens = call.tensor(2), .position = *call.position(2), .vocabulary = call.tensor(0).size(0)}, output,
      call.batch);
}

// sotto::lstm_layer(input, h, c, input_weight, weight, input_bias?, bias?, reverse) -> output, last_h, last_c, before
MadeUse lstm_layer(const OperatorCall& call, size_t argument, BatchPosition output) {
  MadeUse made;
  if (argument == 3 || argument == 4) {
    made.use = make_matrix_use(argument == 3 ? call.tensor(0) : call.outputs.at(3), output, output,
                               call.tensor(argument).size(0), call.batch, /*transposed=*/false, 1.0);
  } else if (argument == 5 || argument == 6) {
    made.use = make_bias_use(call.tensor(argument).sizes(), output, call.batch, 1.0);
  }
  made.leaving_edge = 0;
  return made;
}

// Rules of operators whose consumed tensor is the same for all records.
const std::map<std::string_view, UseRule>& rules() {
  static const std::map<std::string_view, UseRule> table = {
      {"aten::mv", &mv},
      {"aten::bilinear", &bilinear},
      {"aten::convolution", &convolution},
      {"aten::embedding", &embedding},
      {"aten::embedding_bag", &embedding_bag_use},
      {"aten::index", &indexed},
      {"aten::index_select", &index_selected},
      {"aten::native_layer_norm", &layer_norm_use},
      {"aten::rms_norm", &rms_norm_use},
      {"aten::native_group_norm", &group_norm_use},
      {"aten::batch_norm", &batch_norm_use},
      {"aten::instance_norm", &instance_norm_use},
  };
  return table;
}

// Rules of operators where it may also be repeated for every record.
const std::map<std::string_view, MadeUse (*)(const OperatorCall&, size_t, BatchPosition)>& repeating_rules() {
  static const std::map<std::string_view, MadeUse (*)(const OperatorCall&, size_t, BatchPosition)> table = {
      {"aten::add", &add},
      {"aten::sub", &sub},
      {"aten::addmm", &addmm},
      {"aten::linear", &linear},
      {kLstmLayer, &lstm_layer},
      {"aten::mm", &mm},
      {"aten::bmm", &mm},
      {"aten::baddbmm", &addmm},
      {"aten::masked_fill", &masked_fill},
      {"aten::scaled_dot_product_attention", &attention},
  };
  return table;
}

// The rules multiply by what is saved, not by its conjugate.
bool has_complex(const OperatorCall& call) {
  bool found = false;
  const auto look = [&](const at::Tensor& tensor) { found = found || tensor.is_complex(); };
  for (const c10::IValue& argument : call.arguments) for_each_tensor(argument, look);
  for (const at::Tensor& output : call.outputs) look(output);
  return found;
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

MadeUse make_parameter_use(const OperatorCall& call, size_t argument, size_t element, BatchPosition output) {
  if (has_complex(call)) return {};
  if (call.name == "aten::cat" || call.name == "aten::stack") {
    return joined(call, argument, element, output, call.name == "aten::stack");
  }
  if (!call.arguments[argument].isTensor()) return {};
  if (const auto rule = rules().find(call.name); rule != rules().end()) return {rule->second(call, argument, output)};
  if (const auto rule = repeating_rules().find(call.name); rule != repeating_rules().end()) {
    return rule->second(call, argument, output);
  }
  return is_replayed_elementwise(call.name) ? make_broadcast_use(call, argument, output) : MadeUse{};
}

}  // namespace sotto::optim

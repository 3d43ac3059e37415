// Transfer rules of operators that work element by element, and of the few that return constants.

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <sotto/optim/transfer_table.h>

#include <sstream>
#include <string_view>

namespace sotto::optim {
namespace {

// Element-wise losses: broadcast when reduction == none (0).
template <size_t kReduction>
OutputPositions unreduced(const OperatorCall& call) {
  if (call.integer(kReduction) != 0) {
    refuse("averages or sums the losses of different records: ask for one loss per record (reduction none)");
  }
  return broadcast(call);
}

OutputPositions where(const OperatorCall& call) {
  if (call.arguments.size() < 3) refuse("returns a shape that depends on the records");
  return broadcast(call);
}

// equal compares whole batches (attention layers ask whether query and key are one tensor). Harmless where no record
// can change the answer: no for tensors of different sizes and where every single record says no, yes for a tensor
// compared with itself while it holds no NaN.
OutputPositions equal(const OperatorCall& call) {
  if (!call.tensor(0).is_same(call.tensor(1))) {
    if (call.tensor(0).sizes() != call.tensor(1).sizes()) return {};
    const auto position = call.position(0);
    if (position && call.position(1) == position) {
      const at::Tensor differs = call.tensor(0).detach().ne(call.tensor(1).detach());
      if (batch_first(differs, *position, call.batch).reshape({call.batch, -1}).any(1).all().item<bool>()) return {};
    }
    refuse("makes control flow depend on the records of the whole batch");
  }
  if (!at::equal(call.tensor(0), call.tensor(1)))
    refuse("compares a tensor that holds a NaN with itself, which makes control flow depend on the records");
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

// Operators whose every output element depends on the elements of the arguments at the same place alone. Random ones
// draw from a generator, which does not depend on records.
constexpr std::string_view kElementwise =
    "abs acos add addcdiv addcmul alias alpha_dropout asin asinh atan atan2 atanh bernoulli bitwise_and "
    "bitwise_not bitwise_or bitwise_xor ceil celu clamp clamp_max clamp_min clone contiguous copy copysign cos cosh "
    "detach div dropout elu empty_like eq erf erfc erfinv exp exp2 expm1 exponential feature_alpha_dropout "
    "feature_dropout fill floor fmax fmin fmod frac full_like ge gelu gt hardshrink hardsigmoid hardswish hardtanh "
    "hypot isfinite isinf isnan le leaky_relu lerp lgamma lift_fresh log log10 log1p log2 log_sigmoid "
    "log_sigmoid_forward logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit lt masked_fill "
    "maximum minimum mish mul nan_to_num native_dropout ne neg normal ones_like pow rand_like randn_like reciprocal "
    "relu relu6 remainder round rrelu rsqrt rsub selu sgn sigmoid sign silu sin sinc sinh softplus softshrink sqrt "
    "square sub tan tanh threshold trunc uniform xlogy zero zeros_like _prelu_kernel _to_copy ";

}  // namespace

void add_elementwise_rules(TransferTable& table) {
  std::istringstream names{std::string(kElementwise)};
  for (std::string name; names >> name;) table.emplace("aten::" + name, &broadcast);
  table.emplace("aten::where", &where);
  table.emplace("aten::equal", &equal);
  table.emplace("aten::to", &converted);
  table.emplace("aten::type_as", &converted);
  table.emplace("aten::result_type", &constant_output);
  table.emplace("aten::is_same_size", &constant_output);
  table.emplace("aten::soft_margin_loss", &unreduced<2>);
  table.emplace("aten::mse_loss", &unreduced<2>);
  table.emplace("aten::l1_loss", &unreduced<2>);
  table.emplace("aten::smooth_l1_loss", &unreduced<2>);
  table.emplace("aten::huber_loss", &unreduced<2>);
  table.emplace("aten::binary_cross_entropy", &unreduced<3>);
  table.emplace("aten::binary_cross_entropy_with_logits", &unreduced<4>);
  for (const char* name : {"aten::new_empty", "aten::new_zeros", "aten::new_ones", "aten::new_full"}) {
    table.emplace(name, &constant_output);
  }
}

}  // namespace sotto::optim

#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <sotto/optim/direct_use.h>
#include <sotto/optim/replayed_use.h>
#include <sotto/optim/saved_tensor.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/variable.h>

#include <optional>
#include <set>
#include <string_view>

namespace sotto::optim {
namespace {

at::Tensor at_least_float(const at::Tensor& tensor) {
  const bool low = tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
  return low ? tensor.to(at::kFloat) : tensor;
}

class Replay {
 public:
  Replay(const OperatorCall& call, size_t argument, BatchPosition position, BatchPosition output, bool replicated)
      : operator_(c10::Dispatcher::singleton().findSchemaOrThrow(call.name.c_str(), call.overload.c_str())),
        argument_(argument),
        rank_(call.outputs.at(0).dim()),
        batch_(call.batch),
        position_(replicated ? position : output),
        replicated_(replicated) {
    for (const c10::IValue& value : call.arguments) {
      const bool tensor = value.isTensor() && value.toTensor().defined();
      SOTTO_ASSERT(tensor || !value.isTensorList());
      tensors_.push_back(tensor ? std::optional<SavedTensor>(value.toTensor()) : std::nullopt);
      others_.push_back(tensor ? c10::IValue{} : value);
    }
  }

  // [B, N]
  at::Tensor operator()(const at::Tensor& gradient) const {
    at::AutoGradMode with_gradients(true);
    torch::jit::Stack stack;
    for (size_t a = 0; a < others_.size(); ++a) {
      stack.push_back(tensors_[a] ? c10::IValue(at_least_float(tensors_[a]->get())) : others_[a]);
    }
    const at::Tensor copies = one_for_each_record(stack[argument_].toTensor());
    stack[argument_] = copies;
    operator_.callBoxed(&stack);
    const at::Tensor output = stack.at(0).toTensor();
    const auto pulled = torch::autograd::Engine::get_default_engine().execute(
        {torch::autograd::impl::gradient_edge(output)}, {gradient.to(output.scalar_type())}, /*keep_graph=*/false,
        /*create_graph=*/false, /*accumulate_grad=*/false, {torch::autograd::impl::gradient_edge(copies)});
    const at::Tensor rows = batch_first(pulled.at(0), position_, batch_);
    const at::Tensor of_record = replicated_ ? rows : rows.sum(at::IntArrayRef{1, 2});
    return of_record.reshape({batch_, -1}).to(gradient.scalar_type());
  }

 private:
  at::Tensor one_for_each_record(const at::Tensor& value) const {
    if (replicated_) return value.detach().clone().requires_grad_();
    std::vector<int64_t> sizes(static_cast<size_t>(rank_ - value.dim()), 1);
    sizes.insert(sizes.end(), value.sizes().begin(), value.sizes().end());
    const at::Tensor aligned = value.detach().reshape(sizes);
    sizes[static_cast<size_t>(position_.dim)] = position_.outer * batch_ * position_.inner;
    return aligned.expand(sizes).detach().requires_grad_();
  }

  c10::OperatorHandle operator_;
  std::vector<std::optional<SavedTensor>> tensors_;
  std::vector<c10::IValue> others_;
  size_t argument_;
  int64_t rank_;
  int64_t batch_;
  BatchPosition position_;
  bool replicated_;
};

}  // namespace

MadeUse make_replayed_use(const OperatorCall& call, size_t argument, BatchPosition position, BatchPosition output) {
  if (call.in_place) {
    throw Refusal{
        "overwrites an activation that the parameter's per-record gradient needs; use the out-of-place operator"};
  }
  const at::Tensor& parameter = call.tensor(argument);
  const bool replicated = position.dim >= 0 && parameter.size(position.dim) != 1;
  MadeUse made{make_direct_use(Replay(call, argument, position, output, replicated)), std::nullopt};
  if (replicated) made.replicated = position;
  return made;
}

MadeUse make_broadcast_use(const OperatorCall& call, size_t argument, BatchPosition output) {
  BatchPosition position = output;
  position.dim -= call.outputs.at(0).dim() - call.tensor(argument).dim();
  return make_replayed_use(call, argument, position, output);
}

bool is_replayed_elementwise(const std::string& name) {
  static const std::set<std::string_view> names = {"aten::add",
                                                   "aten::sub",
                                                   "aten::rsub",
                                                   "aten::mul",
                                                   "aten::div",
                                                   "aten::pow",
                                                   "aten::atan2",
                                                   "aten::maximum",
                                                   "aten::minimum",
                                                   "aten::max",
                                                   "aten::min",
                                                   "aten::fmax",
                                                   "aten::fmin",
                                                   "aten::hypot",
                                                   "aten::logaddexp",
                                                   "aten::logaddexp2",
                                                   "aten::xlogy",
                                                   "aten::where",
                                                   "aten::lerp",
                                                   "aten::addcmul",
                                                   "aten::addcdiv",
                                                   "aten::clamp",
                                                   "aten::clamp_min",
                                                   "aten::clamp_max",
                                                   "aten::gather",
                                                   "aten::_prelu_kernel",
                                                   "aten::mse_loss",
                                                   "aten::l1_loss",
                                                   "aten::smooth_l1_loss",
                                                   "aten::huber_loss",
                                                   "aten::binary_cross_entropy",
                                                   "aten::binary_cross_entropy_with_logits"};
  return names.contains(name);
}

}  // namespace sotto::optim

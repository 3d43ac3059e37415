#include <ATen/Context.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/optim/operator_call.h>

namespace sotto::optim {

void for_each_tensor(const c10::IValue& value, const std::function<void(const at::Tensor&)>& visit) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) visit(value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& tensor : value.toTensorVector()) visit(tensor);
  } else if (value.isList()) {
    for (const c10::IValue& item : value.toListRef()) for_each_tensor(item, visit);
  }
}

namespace {

bool is_default(const at::Generator& generator) {
  return generator == at::globalContext().defaultGenerator(generator.device());
}

}  // namespace

bool may_hide_tensors(const c10::IValue& value) {
  if (value.isTensor() || value.isTensorList()) return false;
  if (value.isList()) {
    for (const c10::IValue& item : value.toListRef())
      if (may_hide_tensors(item)) return true;
    return false;
  }
  // A generator of the model's own may start from a fixed seed, or be kept from one batch to the next.
  if (value.isGenerator()) return !is_default(value.toGenerator());
  const bool plain = value.isNone() || value.isScalar() || value.isSymInt() || value.isSymFloat() ||
                     value.isSymBool() || value.isString() || value.isDevice();
  return !plain;
}

std::string hidden_argument_text(const std::string& operator_name, const c10::IValue& argument) {
  return fmt::format(
      "[Tape] operator {} takes an argument of kind {}, and what it holds cannot be followed; allowed are tensors, "
      "lists of tensors, numbers, text and LibTorch's default generator",
      operator_name, argument.tagKind());
}

std::string sizes_text(at::IntArrayRef sizes) {
  return fmt::format("[{}]", fmt::join(sizes.begin(), sizes.end(), ", "));
}

}  // namespace sotto::optim

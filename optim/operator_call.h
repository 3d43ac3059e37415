#pragma once
// One dispatched operator as the recorder sees it: schema name, arguments, outputs, and where the batch lives in each
// tensor argument. Valid only while the operator's callbacks run.

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <sotto/optim/batch_position.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sotto::optim {

// Thrown by a transfer rule or a use rule: `reason` completes the sentence "operator NAME ...".
struct Refusal {
  std::string reason;
};

struct OperatorCall {
  std::string name;  // schema name without the trailing underscore of in-place variants, e.g. "aten::add"
  std::string overload;
  bool in_place = false;
  int64_t batch = 0;  // B
  std::vector<c10::IValue> arguments;
  std::vector<at::Tensor> outputs;  // flattened
  // Position of a tensor that carries records, nothing for parameters and constants.
  std::function<std::optional<BatchPosition>(const at::Tensor&)> position_of;

  bool has_tensor(size_t i) const {
    return i < arguments.size() && arguments[i].isTensor() && arguments[i].toTensor().defined();
  }
  const at::Tensor& tensor(size_t i) const { return arguments.at(i).toTensor(); }
  std::optional<BatchPosition> position(size_t i) const {
    return has_tensor(i) ? position_of(tensor(i)) : std::nullopt;
  }
  bool flag(size_t i) const { return arguments.at(i).toBool(); }
  int64_t integer(size_t i) const { return arguments.at(i).toInt(); }
  double number(size_t i) const { return arguments.at(i).toScalar().toDouble(); }
  std::vector<int64_t> integers(size_t i) const { return arguments.at(i).toIntVector(); }
};

// Every defined tensor inside `value`: a tensor, a list of tensors or of optional tensors.
void for_each_tensor(const c10::IValue& value, const std::function<void(const at::Tensor&)>& visit);

// Whether `value` is of a kind that can hold tensors which for_each_tensor does not show: storages, dictionaries,
// objects.
bool may_hide_tensors(const c10::IValue& value);
// The refusal of an operator that takes such an argument.
std::string hidden_argument_text(const std::string& operator_name, const c10::IValue& argument);

// "[2, 3]", for messages.
std::string sizes_text(at::IntArrayRef sizes);

// `dim` counted from the front, 0 <= result < rank.
inline int64_t wrap_dim(int64_t dim, int64_t rank) {
  return dim < 0 ? dim + rank : dim;
}

}  // namespace sotto::optim

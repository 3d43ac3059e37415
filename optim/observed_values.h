#pragma once
// The arguments and results of an observed operator. A TorchScript interpreter shows its whole stack, in which those of
// the operator are the last ones; RecordFunction::inputs() and outputs() alone would take its neighbours for them.

#include <ATen/record_function.h>

namespace sotto::optim {

using ObservedValues = c10::ArrayRef<const c10::IValue>;

inline ObservedValues last_values(ObservedValues values, size_t count) {
  return values.size() > count ? values.slice(values.size() - count) : values;
}

inline ObservedValues observed_inputs(const at::RecordFunction& function) {
  return last_values(function.inputs(), function.num_inputs());
}

// Empty when the operator threw.
inline ObservedValues observed_outputs(const at::RecordFunction& function) {
  const auto& values = function.outputs();
  return last_values(ObservedValues(values.data(), values.size()), function.num_outputs());
}

}  // namespace sotto::optim

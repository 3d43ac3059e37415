#pragma once
// What the recorder knows of each tensor that it has seen: whether it carries records, and where.

#include <ATen/core/Tensor.h>
#include <sotto/optim/batch_position.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace sotto::optim {

// Which storage a tensor holds, nullptr when it has none; set_data() puts another there without an operator.
const void* storage_of(const at::Tensor& tensor);

struct Tracked {
  enum class Kind { constant, parameter, records } kind = Kind::constant;
  BatchPosition position;  // kind == records
  size_t expression = 0;   // kind == parameter
  bool outlives = false;   // exists before and after the model runs: what is written to it reaches the next batch
};

class TrackedTensors {
 public:
  // Sets what is known of a tensor from now on.
  void track(const at::Tensor& tensor, Tracked tracked);

  // nullptr for a tensor that was never tracked.
  const Tracked* find(const at::Tensor& tensor) const;

  // The same for an argument of operator `operator_name`. Throws UsageError for a tensor of unknown origin, and for one
  // whose storage was exchanged without an operator.
  const Tracked& classify(const at::Tensor& tensor, const std::string& operator_name);

 private:
  using WeakImpl = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  struct Entry {
    Tracked tracked;
    WeakImpl alive;       // keeps the tensor's address from being given to another tensor
    const void* storage;  // what it held when it was tracked
  };
  std::unordered_map<const c10::TensorImpl*, Entry> entries_;
};

}  // namespace sotto::optim

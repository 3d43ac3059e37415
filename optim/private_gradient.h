#pragma once
// A gradient that went through the mechanism: it may be shown to anyone, and it is the only thing that sotto writes to
// parameters' .grad.

#include <ATen/core/Tensor.h>
#include <sotto/optim/named_parameter.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace sotto::optim {

// Remembers which tensors were written to .grad, so that a gradient replaced or changed afterwards is noticed.
class WrittenGradient {
 public:
  // Throws UsageError naming the parameter whose .grad is another tensor or was changed since, also
  // through .data() or a raw pointer. One pass over the gradients, which are copied from a device for it.
  void check() const;

 private:
  friend class PrivateGradient;
  struct Entry {
    NamedParameter parameter;
    at::Tensor gradient;
    int64_t version;
    uint64_t checksum;
  };
  std::vector<Entry> entries_;
};

class PrivateGradient {
 public:
  PrivateGradient(PrivateGradient&&) noexcept = default;
  PrivateGradient& operator=(PrivateGradient&&) noexcept = default;
  PrivateGradient(const PrivateGradient&) = delete;
  PrivateGradient& operator=(const PrivateGradient&) = delete;

  // Replaces every parameter's .grad. The parameters are those the sum was made for, in the same order. For a parameter
  // in half precision the gradient, with its noise, is rounded to that; what is beyond the range of fp16 is infinite.
  WrittenGradient write_to(const std::vector<NamedParameter>& parameters) &&;

  const std::vector<at::Tensor>& values() const { return values_; }
  // Of the rule adaptive: the noised count that was released with the gradient.
  const std::optional<double>& count() const { return count_; }

 private:
  friend class GaussianMechanism;
  friend class LatticeMechanism;
  explicit PrivateGradient(std::vector<at::Tensor> values, std::optional<double> count = std::nullopt)
      : values_(std::move(values)), count_(count) {}
  std::vector<at::Tensor> values_;
  std::optional<double> count_;
};

}  // namespace sotto::optim

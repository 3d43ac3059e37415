#pragma once
// Which element of a source tensor each element of another tensor shows: value[i] = source[offset + sum_k digit_k(i)
// stride_k], in the row-major order of the source. Views, slices, transposes, expansions, repetitions, copies and casts
// of a tensor have such a map, so that a gradient of the value is carried back to the source by adding it in place,
// without a backward pass.
//
// A dimension of the value is a list of digits, the slowest first; stride 0 repeats the same elements.

#include <ATen/core/Tensor.h>
#include <sotto/optim/batch_position.h>
#include <sotto/optim/operator_call.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace sotto::optim {

class ElementMap {
 public:
  struct Digit {
    int64_t size = 1;
    int64_t stride = 0;
    friend bool operator==(const Digit&, const Digit&) = default;
  };

  // Every element in its place.
  explicit ElementMap(at::IntArrayRef sizes);

  // The map of a view of `source` (contiguous, of the same dtype) that shares its storage, or nothing when it shows an
  // element at places that are not repetitions.
  static std::optional<ElementMap> of_view(const at::Tensor& view, const at::Tensor& source);

  // The map of `output`, computed by `call` from one tensor whose map is this one; nothing when the operator is none of
  // those that copy and rearrange.
  std::optional<ElementMap> after(const OperatorCall& call, const at::Tensor& output) const;

  // The map of the part that one record sees of a value that repeats the same elements for every record at `position`:
  // the value with the batch index in front (batch_first) and record 0 selected. Nothing when it does not repeat them.
  std::optional<ElementMap> of_one_record(BatchPosition position, int64_t batch) const;

  int64_t elements() const;  // of the value
  bool repeats() const;      // some element of the source is shown more than once
  // Every element of a source of `source_elements` is shown once, in order.
  bool is_identity(int64_t source_elements) const;

  // target[n, elements of the source] += values[n, elements of the value], added up where elements repeat.
  // `target` is contiguous.
  void add(const at::Tensor& values, at::Tensor target) const;
  // The value's shape on the storage of `source`, a contiguous vector of the source's elements; nothing when it repeats
  // elements or its dimensions are no plain ones.
  std::optional<at::Tensor> view_on(const at::Tensor& source) const;

  friend bool operator==(const ElementMap&, const ElementMap&) = default;

 private:
  ElementMap() = default;
  std::optional<ElementMap> reshaped(at::IntArrayRef sizes) const;
  std::optional<ElementMap> expanded(at::IntArrayRef sizes) const;
  std::optional<ElementMap> part(const OperatorCall& call, const at::Tensor& output) const;
  std::vector<Digit> flat() const;  // digits of size 1 left out, neighbours joined

  std::vector<std::vector<Digit>> dims_;
  int64_t offset_ = 0;
};

}  // namespace sotto::optim

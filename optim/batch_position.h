#pragma once
// Where the batch index of B records lives inside a tensor.
//
// Dimension `dim` has size outer * B * inner, and the record of index j along it is (j / inner) % B. A batch-first
// activation [B, T, D] has {0, 1, 1}; flattened to rows [B*T, D] it has {0, 1, T}; time-first rows [T*B, D] have {0, T,
// 1}. Positions are followed through every operator, never guessed from sizes.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace sotto::optim {

struct BatchPosition {
  int64_t dim = 0;
  int64_t outer = 1;
  int64_t inner = 1;

  friend bool operator==(const BatchPosition&, const BatchPosition&) = default;
};

// The position after a row-major reshape of sizes `from` to sizes `to`, or nothing when the batch index would be split
// over several dimensions, or the numbers of elements differ. batch >= 2.
std::optional<BatchPosition> reshape_position(at::IntArrayRef from, BatchPosition position, int64_t batch,
                                              at::IntArrayRef to);

// The tensor with the batch index in front: [B, outer, inner, other dimensions in order]. A view.
at::Tensor batch_first(const at::Tensor& tensor, BatchPosition position, int64_t batch);

}  // namespace sotto::optim

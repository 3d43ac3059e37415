#pragma once
// Reductions over per-record gradients stored as rows [n, N], shared by the rules of parameter_use.h. Float and double;
// norms are accumulated in double. On the processor rows are split over LibTorch's threads, on a device one launch is
// for all of them.

#include <ATen/core/Tensor.h>
#include <sotto/optim/parameter_use.h>
#include <sotto/privacy/error.h>

#include <cstdint>
#include <string>

namespace sotto::optim {

// apply(float{}) or apply(double{}), as the tensor's dtype is; throws UsageError for another one.
template <class Function>
void for_float_or_double(const at::Tensor& tensor, Function&& apply) {
  if (tensor.scalar_type() == at::kFloat) {
    apply(float{});
  } else if (tensor.scalar_type() == at::kDouble) {
    apply(double{});
  } else {
    throw UsageError(std::string("[Tape] per-record gradients are computed in float or double: got ") +
                     c10::toString(tensor.scalar_type()));
  }
}

// norms.computed[first + i] += |rows[i]|^2. Rounding: that of sums in double, see kernels/squared_norms.h, which
// PerRecordGradients::norm_bound covers.
void add_row_norms(const StepDevice& device, const at::Tensor& rows, int64_t first, SquaredNorms& norms);

// Squared norms of the rows along the last dimension, in order: one entry per row, in double.
at::Tensor row_squared_norms(const StepDevice& device, const at::Tensor& matrices);

// total[N] += sum_i weights[i] rows[i]; rows of weight 0 are not read. `weights` has the dtype of `rows`.
void add_row_sum(const StepDevice& device, const at::Tensor& rows, const at::Tensor& weights, at::Tensor& total);

// gamma_k = k u / (1 - k u), u the unit roundoff of float or double: a sum of k terms is off by at most that much of
// the sum of their magnitudes, in any order (Higham 2002, section 3.1).
double rounding_of_sum(int64_t terms, at::ScalarType dtype);

// By how much the squared norm of a gradient may exceed `squared` when it is up to `error` away in norm:
// error (2 sqrt(max(0, squared)) + error), element by element.
at::Tensor slack_of_error(const at::Tensor& error, const at::Tensor& squared);

// The tensor with its records in front and its last dimension kept: [B, T, last].
at::Tensor record_matrices(const at::Tensor& tensor, BatchPosition position, int64_t batch);

// Bytes that are freed with the tensor: 0 where others use its memory too, or it is not defined.
int64_t bytes_freed_with(const at::Tensor& tensor);

// `factor` with rows of weight 0 replaced by zeros and the others multiplied by their weight; factor is [B, ...].
at::Tensor weighted_rows(const at::Tensor& factor, const at::Tensor& weights);

}  // namespace sotto::optim

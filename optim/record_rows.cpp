#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <sotto/kernels/rounding.h>
#include <sotto/kernels/squared_norms.h>
#include <sotto/optim/record_rows.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <limits>

namespace sotto::optim {
namespace {

constexpr int64_t kColumnsPerTask = 4096;
constexpr int64_t kElementsPerTask = 1 << 15;

}  // namespace

void add_row_norms(const StepDevice& device, const at::Tensor& rows, int64_t first, SquaredNorms& norms) {
  const at::Tensor data = rows.contiguous();
  const int64_t columns = data.size(1);
  SOTTO_ASSERT(norms.computed.is_contiguous() && first + data.size(0) <= norms.computed.numel());
  double* const computed = norms.computed.mutable_data_ptr<double>() + first;
  for_float_or_double(data, [&](auto zero) {
    using T = decltype(zero);
    const T* values = data.const_data_ptr<T>();
    if (device.has_table()) {
      device.run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
        launcher<T>(table.add_squared_norms_float, table.add_squared_norms_double)(
            values, static_cast<size_t>(data.size(0)), static_cast<size_t>(columns), static_cast<size_t>(columns),
            computed, stream, kernels::kDeviceBlock);
      });
      return;
    }
    at::parallel_for(0, data.size(0), std::max<int64_t>(1, kElementsPerTask / std::max<int64_t>(1, columns)),
                     [&](int64_t begin, int64_t end) {
                       kernels::add_row_squared_norms(values + begin * columns, static_cast<size_t>(end - begin),
                                                      static_cast<size_t>(columns), static_cast<size_t>(columns),
                                                      computed + begin);
                     });
  });
}

at::Tensor row_squared_norms(const StepDevice& device, const at::Tensor& matrices) {
  const int64_t rows = matrices.numel() / std::max<int64_t>(1, matrices.size(-1));
  SquaredNorms norms{at::zeros({rows}, matrices.options().dtype(at::kDouble)), {}};
  add_row_norms(device, matrices.reshape({-1, matrices.size(-1)}), 0, norms);
  return norms.computed;
}

void add_row_sum(const StepDevice& device, const at::Tensor& rows, const at::Tensor& weights, at::Tensor& total) {
  const at::Tensor data = rows.contiguous();
  const int64_t columns = data.size(1);
  SOTTO_ASSERT(total.is_contiguous() && total.numel() == columns && weights.is_contiguous());
  for_float_or_double(data, [&](auto zero) {
    using T = decltype(zero);
    const T* values = data.const_data_ptr<T>();
    const T* weight = weights.const_data_ptr<T>();
    T* sum = total.mutable_data_ptr<T>();
    if (device.has_table()) {
      const at::Tensor scratch = device.scratch(
          kernels::cuda::weighted_row_sum_scratch(static_cast<size_t>(data.size(0)), static_cast<size_t>(columns)));
      device.run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
        launcher<T>(table.add_weighted_sum_float, table.add_weighted_sum_double)(
            values, static_cast<size_t>(data.size(0)), static_cast<size_t>(columns), static_cast<size_t>(columns),
            weight, scratch.mutable_data_ptr(), sum, stream, kernels::kDeviceBlock);
      });
      return;
    }
    at::parallel_for(0, columns, kColumnsPerTask, [&](int64_t begin, int64_t end) {
      kernels::add_weighted_row_sum(values + begin, static_cast<size_t>(data.size(0)), static_cast<size_t>(end - begin),
                                    static_cast<size_t>(columns), weight, sum + begin);
    });
  });
}

double rounding_of_sum(int64_t terms, at::ScalarType dtype) {
  const double unit =
      dtype == at::kFloat ? std::numeric_limits<float>::epsilon() / 2.0 : std::numeric_limits<double>::epsilon() / 2.0;
  return kernels::gamma(static_cast<double>(terms), unit);
}

at::Tensor slack_of_error(const at::Tensor& error, const at::Tensor& squared) {
  return error * (squared.clamp_min(0.0).sqrt() * 2.0 + error);
}

at::Tensor record_matrices(const at::Tensor& tensor, BatchPosition position, int64_t batch) {
  return batch_first(tensor, position, batch).reshape({batch, -1, tensor.size(-1)});
}

int64_t bytes_freed_with(const at::Tensor& tensor) {
  if (!tensor.defined()) return 0;
  size_t owners = 1;
  if (tensor.is_view()) {
    // A view keeps what it is a view of, which uses the same memory.
    if (tensor._base().use_count() > 1) return 0;
    ++owners;
  }
  return tensor.storage().use_count() == owners ? static_cast<int64_t>(tensor.nbytes()) : 0;
}

namespace {

at::Tensor per_row(const at::Tensor& weights, int64_t rank) {
  std::vector<int64_t> sizes(static_cast<size_t>(rank), 1);
  sizes[0] = weights.size(0);
  return weights.view(sizes);
}

}  // namespace

at::Tensor weighted_rows(const at::Tensor& factor, const at::Tensor& weights) {
  const at::Tensor weight = per_row(weights, factor.dim());
  return at::where(weight.ne(0), factor * weight, 0.0);
}

}  // namespace sotto::optim

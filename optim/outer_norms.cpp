#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <sotto/kernels/gram_norms.h>
#include <sotto/kernels/tile_norms.h>
#include <sotto/optim/outer_norms.h>
#include <sotto/optim/outer_sum.h>
#include <sotto/optim/record_rows.h>

#include <cstddef>
#include <vector>

namespace sotto::optim {
namespace {

// A share of the squared norm: weights that much too small are not worth a second pass.
constexpr double kLooseGram = 0.01;

// Of one record, [T, p] and [T, d]; returns the largest error of the squared norm.
double gram_norm(const at::Tensor& left, const at::Tensor& right, std::vector<std::byte>& scratch, double& computed,
                 double& bound) {
  const kernels::OuterShape outer = outer_shape(left.unsqueeze(0), right.unsqueeze(0));
  double factor = 0.0;
  for_float_or_double(left, [&](auto zero) {
    using T = decltype(zero);
    scratch.resize(kernels::gram_norm_scratch<T>(outer));
    kernels::gram_norms(outer, left.const_data_ptr<T>(), right.const_data_ptr<T>(), scratch.data(), &computed, &bound);
    factor = kernels::gram_norm_factor<T>(outer);
  });
  return factor * bound * bound;
}

void gram_on_processor(const at::Tensor& left, const at::Tensor& right, GramNorms& of) {
  double* const computed = of.computed.mutable_data_ptr<double>();
  double* const bound = of.bound.mutable_data_ptr<double>();
  double* const slack = of.slack.mutable_data_ptr<double>();
  at::parallel_for(0, left.size(0), 1, [&](int64_t begin, int64_t end) {
    std::vector<std::byte> scratch;
    for (int64_t i = begin; i < end; ++i) {
      const at::Tensor l = left[i], r = right[i];
      slack[i] = gram_norm(l, r, scratch, computed[i], bound[i]);
      if (left.scalar_type() == at::kFloat && !(slack[i] <= kLooseGram * computed[i]))
        slack[i] = gram_norm(l.to(at::kDouble), r.to(at::kDouble), scratch, computed[i], bound[i]);
    }
  });
}

void gram_on_device(const StepDevice& device, const at::Tensor& left, const at::Tensor& right, GramNorms& of) {
  const kernels::OuterShape outer = outer_shape(left, right);
  const at::Tensor scratch = device.scratch(kernels::cuda::gram_norm_scratch(outer));
  double factor = 0.0;
  for_float_or_double(left, [&](auto zero) {
    using T = decltype(zero);
    device.run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
      launcher<T>(table.gram_norms_float, table.gram_norms_double)(
          outer, left.const_data_ptr<T>(), right.const_data_ptr<T>(), scratch.mutable_data_ptr(),
          of.computed.mutable_data_ptr<double>(), of.bound.mutable_data_ptr<double>(), stream, kernels::kDeviceBlock);
    });
    factor = kernels::cuda::gram_norm_factor<T>(outer);
  });
  of.slack = of.bound * factor * of.bound;
}

}  // namespace

GramNorms gram_norms(const StepDevice& device, const at::Tensor& left, const at::Tensor& right) {
  const auto zeros = [&] { return at::zeros({left.size(0)}, left.options().dtype(at::kDouble)); };
  GramNorms of{zeros(), zeros(), zeros()};
  if (device.has_table()) {
    gram_on_device(device, left, right, of);
  } else {
    gram_on_processor(left, right, of);
  }
  return of;
}

at::Tensor tile_norms(const StepDevice& device, const at::Tensor& left, const at::Tensor& right, at::Tensor* rows) {
  at::Tensor computed = at::zeros({left.size(0)}, left.options().dtype(at::kDouble));
  double* const norms = computed.mutable_data_ptr<double>();
  const int64_t elements = left.size(2) * right.size(2);
  const auto stride = static_cast<size_t>(elements);
  for_float_or_double(left, [&](auto zero) {
    using T = decltype(zero);
    T* kept = rows == nullptr ? nullptr : rows->mutable_data_ptr<T>();
    const T* of_left = left.const_data_ptr<T>();
    const T* of_right = right.const_data_ptr<T>();
    kernels::OuterShape outer = outer_shape(left, right);
    if (device.has_table()) {
      const at::Tensor scratch = device.scratch(kernels::cuda::tile_norm_scratch(outer));
      device.run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
        launcher<T>(table.tile_norms_float, table.tile_norms_double)(
            outer, of_left, of_right, kept, stride, scratch.mutable_data_ptr(), norms, stream, kernels::kDeviceBlock);
      });
      return;
    }
    outer.records = 1;
    at::parallel_for(0, left.size(0), 1, [&](int64_t begin, int64_t end) {
      std::vector<std::byte> scratch(kernels::tile_norm_scratch<T>(outer));
      for (int64_t i = begin; i < end; ++i) {
        kernels::tile_norms(outer, of_left + i * left.stride(0), of_right + i * right.stride(0),
                            kept == nullptr ? nullptr : kept + i * elements, stride, scratch.data(), norms + i);
      }
    });
  });
  return computed;
}

}  // namespace sotto::optim

#include <ATen/Dispatch.h>
#include <ATen/ops/zeros.h>
#include <sotto/models/subsampled_product.h>
#include <sotto/privacy/error.h>

namespace sotto::models {
namespace {

// to[i, j] += factor sum over the tiles of from * filter, for one spectrum [M, N] of pairs and one filter [M, N].
template <typename T>
void add_tiles(const T* from, const T* filter, T* to, int64_t height, int64_t width, int64_t step) {
  const int64_t rows = height / step, columns = width / step;
  const T factor = T(1) / static_cast<T>(step * step);
  for (int64_t y = 0; y < height; ++y) {
    T* line = to + 2 * (y % rows) * columns;
    for (int64_t c = 0; c < step; ++c) {
      const T* values = from + 2 * (y * width + c * columns);
      const T* weights = filter + y * width + c * columns;
      for (int64_t j = 0; j < columns; ++j) {
        line[2 * j] += factor * weights[j] * values[2 * j];
        line[2 * j + 1] += factor * weights[j] * values[2 * j + 1];
      }
    }
  }
}

}  // namespace

at::Tensor subsampled_product(const at::Tensor& spectra, const at::Tensor& filters, int64_t step) {
  const int64_t height = filters.size(1), width = filters.size(2);
  SOTTO_ASSERT(spectra.dim() == 3 && spectra.size(1) == height && spectra.size(2) == width);
  SOTTO_ASSERT(step >= 1 && height % step == 0 && width % step == 0);
  SOTTO_ASSERT(c10::toRealValueType(spectra.scalar_type()) == filters.scalar_type());
  const at::Tensor from = spectra.contiguous(), by = filters.contiguous();
  at::Tensor result = at::zeros({from.size(0), by.size(0), height / step, width / step}, from.options());
  AT_DISPATCH_FLOATING_TYPES(by.scalar_type(), "subsampled_product", [&] {
    const auto* values = reinterpret_cast<const scalar_t*>(from.const_data_ptr<c10::complex<scalar_t>>());
    auto* sums = reinterpret_cast<scalar_t*>(result.mutable_data_ptr<c10::complex<scalar_t>>());
    for (int64_t r = 0; r < from.size(0); ++r) {
      for (int64_t s = 0; s < by.size(0); ++s) {
        add_tiles(values + 2 * r * height * width, by.const_data_ptr<scalar_t>() + s * height * width,
                  sums + 2 * (r * by.size(0) + s) * (height / step) * (width / step), height, width, step);
      }
    }
  });
  return result;
}

}  // namespace sotto::models

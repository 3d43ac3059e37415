#pragma once
// Filters applied to spectra, and the result kept at every step-th sample, without the large array in between.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sotto::models {

// spectra [R, M, N] (complex), filters [S, M, N] (real, of the same precision) -> [R, S, M/step, N/step]:
//   result[r, s, i, j] = step^-2 sum_{a, c < step} spectra[r, a M/step + i, c N/step + j] filters[s, the same],
// the spectrum of every step-th sample in both directions of the filtered signal. step divides M and N.
at::Tensor subsampled_product(const at::Tensor& spectra, const at::Tensor& filters, int64_t step);

}  // namespace sotto::models

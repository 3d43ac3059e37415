#pragma once
// The launchers of all kernels for a device, in the table of cuda_backend.h. For the libraries that hold them.

#include <sotto/kernels/cuda_backend.h>

namespace sotto::kernels {

constexpr CudaBackend with_launchers(CudaBackend backend) {
  backend.add_noise_float = cuda::add_gaussian_noise;
  backend.add_noise_double = cuda::add_gaussian_noise;
  backend.add_squared_norms_float = cuda::add_row_squared_norms;
  backend.add_squared_norms_double = cuda::add_row_squared_norms;
  backend.add_weighted_sum_float = cuda::add_weighted_row_sum;
  backend.add_weighted_sum_double = cuda::add_weighted_row_sum;
  backend.sgd_update_float = cuda::noisy_sgd_update;
  backend.sgd_update_double = cuda::noisy_sgd_update;
  backend.adam_update_float = cuda::noisy_adam_update;
  backend.adam_update_double = cuda::noisy_adam_update;
  backend.advance_step = cuda::advance_step;
  backend.record_weights = cuda::record_weights;
  backend.gram_norms_float = cuda::gram_norms;
  backend.gram_norms_double = cuda::gram_norms;
  backend.tile_norms_float = cuda::tile_norms;
  backend.tile_norms_double = cuda::tile_norms;
  backend.convolution_norms_float = cuda::convolution_norms;
  backend.convolution_norms_double = cuda::convolution_norms;
  backend.embedding_norms_float = cuda::embedding_norms;
  backend.embedding_norms_double = cuda::embedding_norms;
  backend.normalisation_rows_float = cuda::normalisation_rows;
  backend.normalisation_rows_double = cuda::normalisation_rows;
  return backend;
}

}  // namespace sotto::kernels

#pragma once
// Per-record gradients that are sums of outer products, g_i = sum_t left[i,t] right[i,t]^T: linear layers and matrix
// products. Layers and strategies: Goodfellow, arXiv:1510.01799 (rank one); Li et al., ICLR 2022 (Gram form).

#include <sotto/optim/parameter_use.h>

#include <memory>
#include <optional>

namespace sotto::optim {

// `activation` is the argument that the parameter is multiplied with, its features in the last dimension.
// `transposed` says how the parameter is stored: [outputs, inputs] as in linear (false) or [inputs, outputs] as in mm
// (true). The output has `output_features` in its last dimension. `scale` multiplies the gradient (alpha of addmm).
// `dtype` is that of the product where it is not the activation's: under autocast the operator rounds both factors.
std::unique_ptr<ParameterUse> make_matrix_use(const at::Tensor& activation, BatchPosition input, BatchPosition output,
                                              int64_t output_features, int64_t batch, bool transposed, double scale,
                                              std::optional<at::ScalarType> dtype = std::nullopt);

}  // namespace sotto::optim

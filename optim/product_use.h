#pragma once
// Parameters in products of G matrices at once, where the records are rows or columns of each of them, or have G
// matrices each: mm with the parameter in front, bmm with the parameter on either side (per-head weights, einsum).
//   g_i = left_i^T right_i for each of the G matrices, summed over the T rows of record i.

#include <sotto/optim/parameter_use.h>

#include <memory>

namespace sotto::optim {

// `activation` is [(G,) R, C] with the records in one of the last two dimensions; the other one holds features, as does
// that of the output. The parameter is [(G,) features of the activation, features of the output], the other way round
// with `parameter_in_front`. With the records in dimension 0 of three the parameter is repeated for each of them, and
// the gradients are those of one record's G matrices. `scale` multiplies the gradient.
std::unique_ptr<ParameterUse> make_product_use(const at::Tensor& activation, BatchPosition input, BatchPosition output,
                                               at::IntArrayRef output_sizes, int64_t batch, bool parameter_in_front,
                                               double scale);

}  // namespace sotto::optim

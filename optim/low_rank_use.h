#pragma once
// A weight W + s B A with a constant W, as low-rank adaptation makes it (Hu et al., "LoRA", ICLR 2022): with the
// gradient g_t of an output and its activation x_t, the gradients of both factors are sums of outer products of few
// columns,
//   dA = s sum_t (B^T g_t) x_t^T,   dB = s sum_t g_t (A x_t)^T,
// so that a gradient of the size of W is not formed where a linear layer, mm or addmm consumes the weight. Any other
// use of it goes through the gradient of the whole. Under autocast, and with parameters in half precision, the factors'
// products are not rounded as the operator rounds W's: gradients differ by that rounding, for norm and sum alike.

#include <sotto/optim/parameter_use.h>

#include <cstddef>
#include <memory>
#include <optional>

namespace sotto::optim {

// An expression `scale` left right + a constant, of two parameters.
struct LowRank {
  size_t left = 0, right = 0;  // places of the expressions: B [p, r] and A [r, d]
  double scale = 1.0;
};

// A product of an activation and such a weight: linear(input, W), mm(input, W^T), addmm(bias, input, W^T).
struct LowRankProduct {
  size_t activation = 0;    // the argument
  bool transposed = false;  // the argument is W^T
  double scale = 1.0;       // of the product
};
// Of the argument `argument` of `call`, where that is one.
std::optional<LowRankProduct> low_rank_product(const OperatorCall& call, size_t argument);

// The uses of the two factors; `scale` is that of both.
struct LowRankUses {
  std::unique_ptr<ParameterUse> of_left, of_right;
};
LowRankUses make_low_rank_uses(const OperatorCall& call, size_t activation, const at::Tensor& left,
                               const at::Tensor& right, double scale, BatchPosition output);

}  // namespace sotto::optim

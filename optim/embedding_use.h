#pragma once
// Per-record gradients of embedding tables. A record touches at most T rows, so the gradients of equal tokens are added
// into sparse rows; neither [B, V, D] nor a [T, T] Gram matrix is ever formed, and nothing cancels.

#include <sotto/optim/parameter_use.h>

#include <memory>

namespace sotto::optim {

// `tokens` are the indices [.., B, ..]; `vocabulary` is V; tokens equal to `padding` (negative: none) have no gradient.
std::unique_ptr<ParameterUse> make_embedding_use(const at::Tensor& tokens, BatchPosition tokens_position,
                                                 BatchPosition output_position, int64_t batch, int64_t vocabulary,
                                                 int64_t padding);

}  // namespace sotto::optim

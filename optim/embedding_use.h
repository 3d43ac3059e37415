#pragma once
// Per-record gradients of embedding tables. A record touches at most T rows of the table, so that neither [B, V, D] nor
// a row per token is ever formed: norms come from equal tokens (kernels/embedding_norms.h), sums are added in place.

#include <sotto/optim/parameter_use.h>

#include <memory>

namespace sotto::optim {

struct EmbeddingTokens {
  at::Tensor tokens;  // [.., B, ..]
  BatchPosition position;
  int64_t vocabulary = 0;
  int64_t padding = -1;   // a token without a gradient; negative: none
  int64_t bag = 1;        // consecutive tokens of a record share a row of the output's gradient
  at::Tensor scale = {};  // of the gradient at each token, sizes as tokens; not defined: 1
};

std::unique_ptr<ParameterUse> make_embedding_use(EmbeddingTokens tokens, BatchPosition output, int64_t batch);

}  // namespace sotto::optim

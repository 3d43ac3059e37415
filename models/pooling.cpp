#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <sotto/models/pooling.h>
#include <sotto/privacy/error.h>

namespace sotto::models {

at::Tensor token_places(const at::Tensor& ids, int64_t padding) {
  const at::Tensor places = at::arange(ids.size(1), ids.options());
  const at::Tensor last = ids.ne(padding).to(ids.scalar_type()).mul(places).amax(1, /*keepdim=*/true);
  return places.le(last);
}

at::Tensor pooled(const at::Tensor& states, const at::Tensor& tokens, Pooling pooling) {
  if (pooling == Pooling::layers) throw UsageError("[pooled] pooling: layers; must be mean or first");
  if (pooling == Pooling::first) return states.select(1, 0);
  const at::Tensor weights = tokens.to(states.scalar_type()).unsqueeze(-1);
  return (states * weights).sum(1) / weights.sum(1);
}

}  // namespace sotto::models

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

std::string_view pooling_name(Pooling pooling) {
  switch (pooling) {
    case Pooling::mean:
      return "mean";
    case Pooling::first:
      return "first";
    case Pooling::layers:
      return "layers";
  }
  throw InternalError("[pooling_name] a value outside of the enumeration Pooling");
}

std::optional<Pooling> pooling_named(std::string_view name) {
  for (const Pooling one : {Pooling::mean, Pooling::first, Pooling::layers})
    if (name == pooling_name(one)) return one;
  return std::nullopt;
}

at::Tensor pooled(const at::Tensor& states, const at::Tensor& tokens, Pooling pooling) {
  if (pooling == Pooling::layers) throw UsageError("[pooled] pooling: layers; must be mean or first");
  if (pooling == Pooling::first) return states.select(1, 0);
  const at::Tensor weights = tokens.to(states.scalar_type()).unsqueeze(-1);
  return (states * weights).sum(1) / weights.sum(1);
}

}  // namespace sotto::models

#pragma once
// One vector of a text from the states of its tokens, and which places of a batch of ids are tokens.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace sotto::models {

// ids [B, T] -> [B, T], false for the places behind the last id that is not `padding`. The first place of a text is
// always a token, and so is an id equal to `padding` that stands before others: it was in the text.
at::Tensor token_places(const at::Tensor& ids, int64_t padding);

// One vector of a text from the states of an encoder:
//   mean    the mean of the last states of its tokens, [B, width]
//   first   the last state of its first token, [B, width]
//   layers  the means after the embedding and after every layer, each scaled to length 1, side by side,
//           [B, (layers + 1) width]
enum class Pooling { mean, first, layers };
std::string_view pooling_name(Pooling pooling);
std::optional<Pooling> pooling_named(std::string_view name);  // nothing for another name
// states [B, T, width], tokens [B, T] as above. Throws UsageError for `layers`, which needs more states than these.
at::Tensor pooled(const at::Tensor& states, const at::Tensor& tokens, Pooling pooling);

}  // namespace sotto::models

#pragma once
// One vector of a text from the states of its tokens, and which places of a batch of ids are tokens.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sotto::models {

// ids [B, T] -> [B, T], false for the places behind the last id that is not `padding`. The first place of a text is
// always a token, and so is an id equal to `padding` that stands before others: it was in the text.
at::Tensor token_places(const at::Tensor& ids, int64_t padding);

// states [B, T, width], tokens [B, T] as above -> [B, width]: the mean of the states of the tokens, or the state of the
// first one.
enum class Pooling { mean, first };
at::Tensor pooled(const at::Tensor& states, const at::Tensor& tokens, Pooling pooling);

}  // namespace sotto::models

#pragma once
// Segments of a model that are computed again in the backward pass, so that what they save for it need not be kept
// until then (gradient checkpointing: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
//
//   return head(checkpoint([&](const at::Tensor& x) { return block->forward(x); }, hidden));
//
// Under private training the segment is recorded and analysed in both passes: it must keep records apart and its
// parameters need rules as anywhere else. Kept meanwhile are its inputs; the operands of its parameters' uses are kept
// from its backward pass until the weighted sum, as for any other layer. Costs one more forward pass of the segment.
// Anywhere else (plain training, evaluation, one record at a time) it calls the segment and nothing more.

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace sotto::optim {

using Segment = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>& inputs)>;

// `segment` must be a function of `inputs`, the parameters, constants of the model and the default generator alone. It
// is called again after the losses were returned, with equal inputs and the generator as it was: what it refers to must
// live until then, so capture local variables by value. Throws UsageError, here or in the backward pass, for an input
// or result that is made of parameters without records, a tensor from elsewhere, one that leaves the segment by another
// way than its result, and results that have another shape, dtype or place
// of the records in the second run; other values there are not noticed: records stay apart, but gradients are wrong. A
// segment within a segment is part of it.
std::vector<at::Tensor> checkpoint(const Segment& segment, const std::vector<at::Tensor>& inputs);
at::Tensor checkpoint(const std::function<at::Tensor(const at::Tensor&)>& segment, const at::Tensor& input);

}  // namespace sotto::optim

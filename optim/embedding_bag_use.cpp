#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <sotto/optim/direct_use.h>
#include <sotto/optim/embedding_bag_use.h>
#include <sotto/optim/embedding_use.h>
#include <sotto/privacy/error.h>

#include <functional>

namespace sotto::optim {
namespace {

enum Mode : int64_t { kSum = 0, kMean = 1, kMax = 2 };

}  // namespace

// embedding_bag(weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights?, include_last_offset,
// padding_idx?) -> output [bags, D], offset2bag, bag_size, max_indices
std::unique_ptr<ParameterUse> embedding_bag_use(const OperatorCall& call, size_t argument, BatchPosition output) {
  if (argument != 0) return nullptr;
  if (call.flag(3)) {
    throw Refusal{"scales gradients by how often a token occurs in the whole batch (scale_grad_by_freq)"};
  }
  const int64_t batch = call.batch;
  const int64_t vocabulary = call.tensor(0).size(0);
  const int64_t mode = call.integer(4);
  if (mode == kMax) {
    return make_direct_use([=, winners = call.outputs.at(3).detach()](const at::Tensor& gradient) {
      const at::Tensor bags = batch_first(gradient, output, batch).flatten(1, 2);  // [B, bags per record, D]
      const at::Tensor rows = batch_first(winners, output, batch).flatten(1, 2).to(at::kLong);
      const at::Tensor counted = bags * rows.ge(0);  // an empty bag has no winner
      at::Tensor dense = at::zeros({batch, vocabulary, bags.size(2)}, gradient.options());
      return dense.scatter_add_(1, rows.clamp_min(0), counted).reshape({batch, -1});
    });
  }
  const int64_t tokens = call.tensor(1).size(0);
  if (tokens == 0) throw Refusal{"looks up no token"};
  const int64_t length = tokens / call.outputs.at(0).size(0);
  const bool padded = call.arguments.size() > 8 && !call.arguments[8].isNone();
  const int64_t padding = !padded ? -1 : call.integer(8) < 0 ? call.integer(8) + vocabulary : call.integer(8);
  at::Tensor scale;  // [tokens] or undefined
  if (mode == kMean) {
    scale = call.outputs.at(2)
                .detach()
                .to(at::kDouble)
                .clamp_min(1.0)
                .reciprocal()
                .unsqueeze(1)
                .expand({-1, length})
                .reshape({-1});
  } else if (call.has_tensor(6)) {
    scale = call.tensor(6).detach().clone();
  }
  // Bags of a record follow one another in the order of its tokens.
  const BatchPosition position = *call.position(1);
  SOTTO_ASSERT(position.outer == output.outer && position.inner == output.inner * length);
  return make_embedding_use({.tokens = call.tensor(1),
                             .position = position,
                             .vocabulary = vocabulary,
                             .padding = padding,
                             .bag = length,
                             .scale = scale},
                            output, batch);
}

}  // namespace sotto::optim

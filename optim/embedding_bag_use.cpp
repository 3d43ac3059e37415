#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <sotto/optim/direct_use.h>
#include <sotto/optim/embedding_bag_use.h>
#include <sotto/optim/embedding_use.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>

#include <functional>

namespace sotto::optim {
namespace {

enum Mode : int64_t { kSum = 0, kMean = 1, kMax = 2 };

// A use of every token, once the gradient of a bag has been spread over its tokens.
class SpreadUse final : public ParameterUse {
 public:
  SpreadUse(std::unique_ptr<ParameterUse> tokens, std::function<at::Tensor(const at::Tensor&)> spread)
      : tokens_(std::move(tokens)), spread_(std::move(spread)) {}

  void bind(at::Tensor output_gradient) override { tokens_->bind(spread_(output_gradient)); }
  void choose(UsePlan& plan) override { tokens_->choose(plan); }
  at::Tensor per_record(int64_t begin, int64_t end) override { return tokens_->per_record(begin, end); }
  void add_squared_norms(SquaredNorms& norms) override { tokens_->add_squared_norms(norms); }
  void add_weighted(const at::Tensor& weights, at::Tensor& total) override { tokens_->add_weighted(weights, total); }
  Strategy strategy() const override { return tokens_->strategy(); }

 private:
  std::unique_ptr<ParameterUse> tokens_;
  std::function<at::Tensor(const at::Tensor&)> spread_;
};

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
  const auto spread = [=](const at::Tensor& gradient) {
    const at::Tensor of_tokens = gradient.unsqueeze(1).expand({-1, length, -1}).reshape({tokens, -1});
    return scale.defined() ? of_tokens * scale.to(gradient.scalar_type()).unsqueeze(1) : of_tokens;
  };
  const BatchPosition position = *call.position(1);
  return std::make_unique<SpreadUse>(make_embedding_use(call.tensor(1), position, position, batch, vocabulary, padding),
                                     spread);
}

}  // namespace sotto::optim

#include <ATen/TensorOperators.h>
#include <ATen/ops/_unique2.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <sotto/optim/embedding_use.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>

namespace sotto::optim {
namespace {

class EmbeddingUse final : public ParameterUse {
 public:
  EmbeddingUse(const at::Tensor& tokens, BatchPosition tokens_position, BatchPosition output_position, int64_t batch,
               int64_t vocabulary, int64_t padding)
      : tokens_(tokens),
        tokens_position_(tokens_position),
        output_position_(output_position),
        batch_(batch),
        vocabulary_(vocabulary),
        padding_(padding) {}

  void bind(at::Tensor output_gradient) override {
    const at::Tensor tokens = batch_first(tokens_.get(), tokens_position_, batch_).reshape({batch_, -1}).to(at::kLong);
    at::Tensor gradient = record_matrices(output_gradient, output_position_, batch_);
    if (padding_ >= 0) gradient = at::where(tokens.eq(padding_).unsqueeze(2), 0.0, gradient);
    // Equal (record, token) pairs share one row.
    const at::Tensor key = tokens + at::arange(batch_, tokens.options()).unsqueeze(1) * vocabulary_;
    const auto [pairs, inverse, counts] = at::_unique2(key, /*sorted=*/true, /*return_inverse=*/true);
    rows_ = at::zeros({pairs.size(0), gradient.size(2)}, gradient.options());
    rows_.index_add_(0, inverse.reshape({-1}), gradient.reshape({-1, gradient.size(2)}));
    record_ = pairs.div(vocabulary_, "floor");
    token_ = pairs.remainder(vocabulary_);
    tokens_ = {};
  }

  at::Tensor per_record(int64_t begin, int64_t end) override {
    at::Tensor dense = at::zeros({(end - begin) * vocabulary_, rows_.size(1)}, rows_.options());
    const at::Tensor wanted = record_.ge(begin).logical_and_(record_.lt(end));
    const at::Tensor place = (record_ - begin).mul_(vocabulary_).add_(token_);
    dense.index_copy_(0, place.masked_select(wanted), rows_.index({wanted}));
    return dense.view({end - begin, vocabulary_ * rows_.size(1)});
  }

  void add_squared_norms(SquaredNorms& norms) override {
    SquaredNorms of_rows{std::vector<double>(static_cast<size_t>(rows_.size(0)), 0.0), {}};
    add_row_norms(rows_, 0, of_rows);
    const at::Tensor record = record_.contiguous();
    const int64_t* owner = record.const_data_ptr<int64_t>();
    for (size_t r = 0; r < of_rows.computed.size(); ++r) {
      norms.computed[static_cast<size_t>(owner[r])] += of_rows.computed[r];
    }
  }

  void add_weighted(const at::Tensor& weights, at::Tensor& total) override {
    const at::Tensor of_rows = weights.index_select(0, record_);
    total.view({vocabulary_, -1}).index_add_(0, token_, weighted_rows(rows_, of_rows));
  }

  Strategy strategy() const override { return Strategy::keep; }

 private:
  SavedTensor tokens_;
  BatchPosition tokens_position_;
  BatchPosition output_position_;
  int64_t batch_;
  int64_t vocabulary_;
  int64_t padding_;
  at::Tensor rows_;    // [U, D], one row per distinct (record, token)
  at::Tensor record_;  // [U]
  at::Tensor token_;   // [U]
};

}  // namespace

std::unique_ptr<ParameterUse> make_embedding_use(const at::Tensor& tokens, BatchPosition tokens_position,
                                                 BatchPosition output_position, int64_t batch, int64_t vocabulary,
                                                 int64_t padding) {
  return std::make_unique<EmbeddingUse>(tokens, tokens_position, output_position, batch, vocabulary, padding);
}

}  // namespace sotto::optim

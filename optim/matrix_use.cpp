#include <ATen/TensorOperators.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <sotto/optim/matrix_use.h>
#include <sotto/optim/outer_norms.h>
#include <sotto/optim/outer_sum.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

namespace sotto::optim {
namespace {

// Below this a factor times the smallest float cannot be seen beside any clip norm that is accepted.
constexpr double kLargeFactor = 1e10;

// Largest absolute value; NaN and infinity where there is one.
double largest(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return 0.0;
  const auto [low, high] = at::aminmax(tensor);
  return std::max(std::abs(low.item<double>()), std::abs(high.item<double>()));
}

class MatrixUse final : public ParameterUse {
 public:
  MatrixUse(const at::Tensor& activation, BatchPosition input, BatchPosition output, int64_t output_features,
            int64_t batch, bool transposed, double scale, at::ScalarType dtype)
      : activation_(activation),
        input_(input),
        output_(output),
        batch_(batch),
        transposed_(transposed),
        scale_(scale),
        dtype_(dtype) {
    const int64_t features = activation.size(-1);
    shape_.positions = activation.numel() / std::max<int64_t>(1, batch * features);
    shape_.rows = transposed ? features : output_features;
    shape_.columns = transposed ? output_features : features;
    shape_.elements = shape_.rows * shape_.columns;
    shape_.factors = shape_.positions * (shape_.rows + shape_.columns);
    shape_.multiplications = static_cast<double>(shape_.positions) * static_cast<double>(shape_.elements);
  }

  UseShape shape() const override { return shape_; }

  void bind(at::Tensor output_gradient) override {
    if (scale_ != 1.0) output_gradient = output_gradient * scale_;
    const at::Tensor a =
        record_matrices(activation_.get(), input_, batch_).to(dtype_).to(output_gradient.scalar_type());
    activation_ = {};
    const at::Tensor b = record_matrices(output_gradient, output_, batch_);
    lefts_ = {transposed_ ? a : b};
    rights_ = {transposed_ ? b : a};
    SOTTO_ASSERT(a.size(1) == b.size(1));
  }

  bool absorb(ParameterUse& other) override {
    auto* same = dynamic_cast<MatrixUse*>(&other);
    const bool fits = same != nullptr && same->lefts_[0].size(2) == lefts_[0].size(2) &&
                      same->rights_[0].size(2) == rights_[0].size(2);
    if (!fits) return false;
    lefts_.insert(lefts_.end(), same->lefts_.begin(), same->lefts_.end());
    rights_.insert(rights_.end(), same->rights_.begin(), same->rights_.end());
    return true;
  }

  void choose(Strategy strategy, int64_t /*chunk_bytes*/) override {
    left_ = joined(lefts_);
    right_ = joined(rights_);
    lefts_.clear();
    rights_.clear();
    const bool single = left_.size(1) == 1;
    strategy_ = strategy;
    if (strategy == Strategy::automatic || (strategy == Strategy::rank_one && !single)) strategy_ = Strategy::gram;
    if (strategy_ == Strategy::gram && single) strategy_ = Strategy::rank_one;
    if (strategy_ != Strategy::keep) return;
    at::Tensor rows = at::empty({batch_, shape_.elements}, left_.options());
    computed_ = tile_norms(device(), left_, right_, &rows);
    kept_ = rows;
    left_.reset();
    right_.reset();
  }

  at::Tensor per_record(int64_t begin, int64_t end) override {
    if (kept_.defined()) return kept_.slice(0, begin, end);
    return left_.slice(0, begin, end).transpose(1, 2).bmm(right_.slice(0, begin, end)).view({end - begin, -1});
  }

  void add_squared_norms(SquaredNorms& norms) override {
    switch (strategy_) {
      case Strategy::rank_one:
        add_rank_one(norms);
        break;
      case Strategy::gram:
        add_gram(norms);
        break;
      default: {
        const at::Tensor computed =
            kept_.defined() ? std::move(computed_) : tile_norms(device(), left_, right_, nullptr);
        norms.computed.add_(computed);
        if (!kept_.defined()) add_product_slack(computed, norms);
      }
    }
  }

  void add_weighted(const at::Tensor& weights, at::Tensor& total) override {
    if (kept_.defined()) {
      add_row_sum(device(), kept_, weights, total);
      return;
    }
    at::Tensor matrix = total.view({left_.size(2), right_.size(2)});
    add_product(weights, matrix);
  }

  void add_weighted_strided(const at::Tensor& weights, at::Tensor& total) override {
    if (kept_.defined() || total.dim() != 2) {
      ParameterUse::add_weighted_strided(weights, total);
    } else {
      add_product(weights, total);
    }
  }

  Strategy strategy() const override { return strategy_; }
  int64_t held_bytes() const override {
    return bytes_freed_with(left_) + bytes_freed_with(right_) + bytes_freed_with(kept_);
  }

 private:
  // sum_i w_i g_i as one product over all records and positions.
  void add_product(const at::Tensor& weights, at::Tensor& matrix) const {
    if (device().has_table()) return add_product_on_device(left_, right_, weights, matrix);
    const auto [left_scale, right_scale] = scales(weights);
    if (matrix.stride(1) == 1) return add_outer_sum(left_, left_scale, right_, right_scale, matrix);
    at::Tensor turned = matrix.t();
    if (turned.stride(1) == 1) return add_outer_sum(right_, right_scale, left_, left_scale, turned);
    at::Tensor sum = at::zeros(matrix.sizes(), matrix.options());
    add_outer_sum(left_, left_scale, right_, right_scale, sum);
    matrix += sum;
  }

  // Of the left and of the right factor. A weighted factor may lose its digits near the smallest float; where the other
  // one is large enough for that to matter, the weight goes to the larger factor of each record.
  std::pair<at::Tensor, at::Tensor> scales(const at::Tensor& weights) const {
    const at::Tensor chosen = weights.ne(0).to(weights.scalar_type());
    if ((largest_of_right_ ? *largest_of_right_ : largest(right_)) < kLargeFactor) return {weights, chosen};
    const at::Tensor of_right = right_.abs().amax({1, 2});
    const at::Tensor to_right = of_right.ge(kLargeFactor).logical_and(of_right.gt(left_.abs().amax({1, 2})));
    return {at::where(to_right, chosen, weights), at::where(to_right, weights, chosen)};
  }

  // The same by LibTorch's product, without asking the device for the largest element: it would have to be waited for.
  static void add_product_on_device(at::Tensor left, at::Tensor right, const at::Tensor& weights, at::Tensor& matrix) {
    const bool weigh_left = left.size(2) <= right.size(2);
    at::Tensor& weighted = weigh_left ? left : right;
    at::Tensor& other = weigh_left ? right : left;
    const at::Tensor of_other = other.abs().amax({1, 2});
    const at::Tensor to_other = of_other.ge(kLargeFactor).logical_and(of_other.gt(weighted.abs().amax({1, 2})));
    const at::Tensor chosen = weights.ne(0).to(weights.scalar_type());
    weighted = weighted_rows(weighted, at::where(to_other, chosen, weights));
    other = weighted_rows(other, at::where(to_other, weights, chosen));
    matrix.addmm_(left.reshape({-1, left.size(2)}).t(), right.reshape({-1, right.size(2)}));
  }

  // One factor of all positions, columns next to each other.
  static at::Tensor joined(const std::vector<at::Tensor>& parts) {
    const at::Tensor whole = parts.size() == 1 ? parts[0] : at::cat(parts, 1);
    return whole.stride(2) == 1 ? whole : whole.contiguous();
  }

  void add_rank_one(SquaredNorms& norms) {
    norms.computed.add_(row_squared_norms(device(), left_) * squared_norms_of_right());
  }

  // The Gram form cancels where activations and gradients do; its proven error is what keeps the weight from being too
  // large.
  void add_gram(SquaredNorms& norms) {
    const GramNorms of = gram_norms(device(), left_, right_);
    // The gradient that is formed for the weighted sum is rounded as well.
    const at::Tensor error = of.bound * rounding_of_sum(left_.size(1) + 1, left_.scalar_type());
    norms.computed.add_(of.computed);
    norms.slack.add_(of.slack + slack_of_error(error, of.computed + of.slack));
  }

  // Of its rows; the largest one tells scales() what it would have to look for in all elements.
  at::Tensor squared_norms_of_right() {
    const at::Tensor norms = row_squared_norms(device(), right_);
    if (!device().has_table() && norms.numel() > 0) largest_of_right_ = std::sqrt(norms.max().item<double>());
    return norms;
  }

  // A gradient that is formed again for the weighted sum is rounded differently: each is off the exact one by at most
  // e = gamma_T sum_t |left_t||right_t| (kernels/tile_norms.h), so that computed + 2 e bounds what is summed. Matters
  // where positions cancel.
  void add_product_slack(const at::Tensor& computed, SquaredNorms& norms) {
    const double gamma_positions = rounding_of_sum(left_.size(1) + 1, left_.scalar_type());
    norms.slack.add_(slack_of_error(outer_product_norms() * (2.0 * gamma_positions), computed));
  }

  // sum_t |left_t| |right_t| of every record.
  at::Tensor outer_product_norms() {
    const at::Tensor products =
        (row_squared_norms(device(), left_).sqrt() * squared_norms_of_right().sqrt()).view({batch_, left_.size(1)});
    if (device().has_table()) return products.sum(1);
    at::Tensor sums = at::zeros({batch_}, products.options());
    const double* of = products.const_data_ptr<double>();
    for (int64_t i = 0; i < batch_; ++i) {
      for (int64_t t = 0; t < left_.size(1); ++t) sums.mutable_data_ptr<double>()[i] += of[i * left_.size(1) + t];
    }
    return sums;
  }

  SavedTensor activation_;
  BatchPosition input_;
  BatchPosition output_;
  int64_t batch_;
  bool transposed_;
  double scale_;
  UseShape shape_;
  at::ScalarType dtype_;  // of the product: what the activation was rounded to
  Strategy strategy_ = Strategy::automatic;
  std::vector<at::Tensor> lefts_, rights_;  // parts of the two below, along T
  at::Tensor left_;                         // [B, T, rows of the parameter]
  at::Tensor right_;                        // [B, T, columns of the parameter]
  at::Tensor kept_;                         // [B, N]
  at::Tensor computed_;                     // squared norms of those rows
  std::optional<double> largest_of_right_;  // bounds its elements
};

}  // namespace

std::unique_ptr<ParameterUse> make_matrix_use(const at::Tensor& activation, BatchPosition input, BatchPosition output,
                                              int64_t output_features, int64_t batch, bool transposed, double scale,
                                              std::optional<at::ScalarType> dtype) {
  return std::make_unique<MatrixUse>(activation, input, output, output_features, batch, transposed, scale,
                                     dtype.value_or(activation.scalar_type()));
}

}  // namespace sotto::optim

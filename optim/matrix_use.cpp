#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <sotto/kernels/gram_norms.h>
#include <sotto/kernels/tile_norms.h>
#include <sotto/optim/matrix_use.h>
#include <sotto/optim/outer_sum.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace sotto::optim {
namespace {

// Below this a factor times the smallest float cannot be seen beside any clip norm that is accepted.
constexpr double kLargeFactor = 1e10;
// A share of the squared norm: weights that much too small are not worth a second pass.
constexpr double kLooseGram = 0.01;

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
    computed_ = materialise(&rows);
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
        const std::vector<double> computed = kept_.defined() ? std::move(computed_) : materialise(nullptr);
        for (size_t i = 0; i < computed.size(); ++i) norms.computed[i] += computed[i];
        if (!kept_.defined()) add_product_slack(computed, norms);
      }
    }
  }

  void add_weighted(const at::Tensor& weights, at::Tensor& total) override {
    if (kept_.defined()) {
      add_row_sum(kept_, weights, total);
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
    if (largest(right_) < kLargeFactor) return {weights, chosen};
    const at::Tensor of_right = right_.abs().amax({1, 2});
    const at::Tensor to_right = of_right.ge(kLargeFactor).logical_and(of_right.gt(left_.abs().amax({1, 2})));
    return {at::where(to_right, chosen, weights), at::where(to_right, weights, chosen)};
  }

  // One factor of all positions, columns next to each other.
  static at::Tensor joined(const std::vector<at::Tensor>& parts) {
    const at::Tensor whole = parts.size() == 1 ? parts[0] : at::cat(parts, 1);
    return whole.stride(2) == 1 ? whole : whole.contiguous();
  }

  void add_rank_one(SquaredNorms& norms) {
    const std::vector<double> left = row_squared_norms(left_);
    const std::vector<double> right = row_squared_norms(right_);
    for (size_t i = 0; i < left.size(); ++i) norms.computed[i] += left[i] * right[i];
  }

  // The Gram form cancels where activations and gradients do; its proven error is what keeps the weight from being too
  // large. A record for which that error matters is computed again in double.
  void add_gram(SquaredNorms& norms) {
    std::vector<double> computed(static_cast<size_t>(batch_), 0.0);
    std::vector<double> bounds = computed;
    std::vector<double> slack = computed;
    at::parallel_for(0, batch_, 1, [&](int64_t begin, int64_t end) {
      std::vector<std::byte> scratch;
      for (int64_t i = begin; i < end; ++i) {
        const auto record = static_cast<size_t>(i);
        const at::Tensor left = left_[i], right = right_[i];
        slack[record] = gram_norm(left, right, scratch, computed[record], bounds[record]);
        if (left.scalar_type() == at::kFloat && !(slack[record] <= kLooseGram * computed[record]))
          slack[record] =
              gram_norm(left.to(at::kDouble), right.to(at::kDouble), scratch, computed[record], bounds[record]);
      }
    });
    for (size_t i = 0; i < computed.size(); ++i) {
      const double exact = std::max(0.0, computed[i] + slack[i]);
      // The gradient that is formed for the weighted sum is rounded as well.
      const double error = rounding_of_sum(left_.size(1) + 1, left_.scalar_type()) * bounds[i];
      norms.computed[i] += computed[i];
      norms.slack[i] += slack[i] + error * (2.0 * std::sqrt(exact) + error);
    }
  }

  // Of one record, [T, p] and [T, d]; returns the largest error of the squared norm.
  static double gram_norm(const at::Tensor& left, const at::Tensor& right, std::vector<std::byte>& scratch,
                          double& computed, double& bound) {
    const kernels::OuterShape outer = shape_of_record(left, right);
    double factor = 0.0;
    for_float_or_double(left, [&](auto zero) {
      using T = decltype(zero);
      scratch.resize(kernels::gram_norm_scratch<T>(outer));
      kernels::gram_norms(outer, left.const_data_ptr<T>(), right.const_data_ptr<T>(), scratch.data(), &computed,
                          &bound);
      factor = kernels::gram_norm_factor<T>(outer);
    });
    return factor * bound * bound;
  }

  // Of one record, [T, p] and [T, d].
  static kernels::OuterShape shape_of_record(const at::Tensor& left, const at::Tensor& right) {
    return outer_shape(left.unsqueeze(0), right.unsqueeze(0));
  }

  // Makes every record's gradient; writes it to rows unless nullptr.
  std::vector<double> materialise(at::Tensor* rows) const {
    std::vector<double> computed(static_cast<size_t>(batch_), 0.0);
    for_float_or_double(left_, [&](auto zero) {
      using T = decltype(zero);
      T* kept = rows == nullptr ? nullptr : rows->mutable_data_ptr<T>();
      at::parallel_for(0, batch_, 1, [&](int64_t begin, int64_t end) {
        std::vector<std::byte> scratch;
        for (int64_t i = begin; i < end; ++i) {
          const at::Tensor left = left_[i], right = right_[i];
          const kernels::OuterShape outer = shape_of_record(left, right);
          scratch.resize(kernels::tile_norm_scratch<T>(outer));
          kernels::tile_norms(outer, left.const_data_ptr<T>(), right.const_data_ptr<T>(),
                              kept == nullptr ? nullptr : kept + i * shape_.elements,
                              static_cast<size_t>(shape_.elements), scratch.data(), &computed[static_cast<size_t>(i)]);
        }
      });
    });
    return computed;
  }

  // A gradient that is formed again for the weighted sum is rounded differently: each is off the exact one by at most
  // e = gamma_T sum_t |left_t||right_t| (kernels/tile_norms.h), so that computed + 2 e bounds what is summed. Matters
  // where positions cancel.
  void add_product_slack(const std::vector<double>& computed, SquaredNorms& norms) const {
    const double gamma_positions = rounding_of_sum(left_.size(1) + 1, left_.scalar_type());
    const std::vector<double> bounds = outer_product_norms();
    for (int64_t i = 0; i < batch_; ++i) {
      const auto record = static_cast<size_t>(i);
      const double error = 2.0 * gamma_positions * bounds[record];
      norms.slack[record] += error * (2.0 * std::sqrt(computed[record]) + error);
    }
  }

  // sum_t |left_t| |right_t| of every record.
  std::vector<double> outer_product_norms() const {
    const std::vector<double> left_norms = row_squared_norms(left_);
    const std::vector<double> right_norms = row_squared_norms(right_);
    const auto positions = static_cast<size_t>(left_.size(1));
    std::vector<double> sums(static_cast<size_t>(batch_), 0.0);
    for (size_t t = 0; t < left_norms.size(); ++t) {
      sums[t / positions] += std::sqrt(left_norms[t]) * std::sqrt(right_norms[t]);
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
  std::vector<double> computed_;            // squared norms of those rows
};

}  // namespace

std::unique_ptr<ParameterUse> make_matrix_use(const at::Tensor& activation, BatchPosition input, BatchPosition output,
                                              int64_t output_features, int64_t batch, bool transposed, double scale,
                                              std::optional<at::ScalarType> dtype) {
  return std::make_unique<MatrixUse>(activation, input, output, output_features, batch, transposed, scale,
                                     dtype.value_or(activation.scalar_type()));
}

}  // namespace sotto::optim

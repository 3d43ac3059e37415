#include <ATen/TensorOperators.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>
#include <sotto/optim/matrix_use.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <limits>

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
  MatrixUse(const at::Tensor& activation, BatchPosition input, BatchPosition output, int64_t batch, bool transposed,
            double scale, at::ScalarType dtype)
      : activation_(activation),
        input_(input),
        output_(output),
        batch_(batch),
        transposed_(transposed),
        scale_(scale),
        dtype_(dtype) {}

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

  void choose(UsePlan& plan) override {
    left_ = lefts_.size() == 1 ? lefts_[0] : at::cat(lefts_, 1);
    right_ = rights_.size() == 1 ? rights_[0] : at::cat(rights_, 1);
    lefts_.clear();
    rights_.clear();
    choose_strategy(plan);
    if (strategy_ != Strategy::keep) return;
    kept_ = per_record(0, batch_);
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
      default:
        add_materialised(norms);
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

 private:
  void add_product(const at::Tensor& weights, at::Tensor& matrix) const {
    // One matrix product over all records and positions: sum_i w_i g_i = (w . left)^T right. A weighted factor may lose
    // its digits near the smallest float; where the other one is large enough for that to matter, the weight goes to
    // the larger factor of each record.
    at::Tensor left, right;
    if (largest(right_) < kLargeFactor) {
      left = weighted_rows(left_, weights);
      right = selected_rows(right_, weights);
    } else {
      const at::Tensor of_right = right_.abs().amax({1, 2});
      const at::Tensor to_right = of_right.ge(kLargeFactor).logical_and(of_right.gt(left_.abs().amax({1, 2})));
      const at::Tensor chosen = weights.ne(0).to(weights.scalar_type());
      left = weighted_rows(left_, at::where(to_right, chosen, weights));
      right = weighted_rows(right_, at::where(to_right, weights, chosen));
    }
    matrix.addmm_(left.reshape({-1, left_.size(2)}).t(), right.reshape({-1, right_.size(2)}));
  }

  void choose_strategy(UsePlan& plan) {
    const int64_t positions = left_.size(1);
    const int64_t elements = left_.size(2) * right_.size(2);
    const auto bytes_per_record = static_cast<int64_t>(elements * left_.element_size());
    chunk_ = std::max<int64_t>(1, plan.chunk_bytes / std::max<int64_t>(1, bytes_per_record));
    strategy_ = plan.force;
    if (strategy_ == Strategy::rank_one && positions != 1) strategy_ = Strategy::automatic;
    if (strategy_ == Strategy::automatic) {
      // Gram costs T^2 (p + d), a per-record gradient T p d.
      const bool gram_is_cheap = 4 * positions * (left_.size(2) + right_.size(2)) < elements;
      if (positions == 1) {
        strategy_ = Strategy::rank_one;
      } else if (batch_ * bytes_per_record <= plan.keep_bytes_left) {
        strategy_ = Strategy::keep;
      } else {
        strategy_ = gram_is_cheap ? Strategy::gram : Strategy::drop;
      }
    }
    if (strategy_ == Strategy::keep) plan.keep_bytes_left -= batch_ * bytes_per_record;
  }

  void add_rank_one(SquaredNorms& norms) {
    const std::vector<double> left = row_squared_norms(left_);
    const std::vector<double> right = row_squared_norms(right_);
    for (size_t i = 0; i < left.size(); ++i) norms.computed[i] += left[i] * right[i];
  }

  // |g|^2 = sum_{t,s} <left_t, left_s> <right_t, right_s>. With inner products of length p and d accumulated in the
  // dtype's unit roundoff u, each is off by at most gamma_p |left_t| |left_s| (gamma_k = k u / (1 - k u), Higham 2002,
  // section 3.1), so the sum is off by at most (gamma_p + gamma_d + gamma_p gamma_d + gamma of the final sum) (sum_t
  // |left_t||right_t|)^2. Where activations and gradients cancel, that bound is what keeps the weight from being too
  // large.
  void add_gram(SquaredNorms& norms) {
    constexpr double kDoubleRoundoff = std::numeric_limits<double>::epsilon() / 2.0;
    const double gamma_left = gamma(left_.size(2) + 1, kDoubleRoundoff);
    const double gamma_right = gamma(right_.size(2) + 1, kDoubleRoundoff);
    const double gamma_sum = gamma(left_.size(1) * left_.size(1) + 1, kDoubleRoundoff);
    const double factor = gamma_left + gamma_right + gamma_left * gamma_right + 2.0 * gamma_sum;
    const std::vector<double> bounds = outer_product_norms();
    for (int64_t i = 0; i < batch_; ++i) {
      const double bound = bounds[static_cast<size_t>(i)];
      // In double: the products of floats far apart in size neither vanish nor overflow.
      const at::Tensor left = left_[i].to(at::kDouble);
      const at::Tensor right = right_[i].to(at::kDouble);
      const at::Tensor terms = left.mm(left.t()).mul_(right.mm(right.t()));
      const auto record = static_cast<size_t>(i);
      const double computed = terms.sum().item<double>();
      const double exact = std::max(0.0, computed + factor * bound * bound);
      // The gradient that is formed for the weighted sum is rounded as well.
      const double error = gamma(left_.size(1) + 1) * bound;
      norms.computed[record] += computed;
      norms.slack[record] += factor * bound * bound + error * (2.0 * std::sqrt(exact) + error);
    }
  }

  void add_materialised(SquaredNorms& norms) {
    SquaredNorms own{std::vector<double>(static_cast<size_t>(batch_), 0.0), {}};
    for (int64_t begin = 0; begin < batch_; begin += chunk_) {
      add_row_norms(per_record(begin, std::min(batch_, begin + chunk_)), begin, own);
    }
    for (size_t i = 0; i < own.computed.size(); ++i) norms.computed[i] += own.computed[i];
    if (!kept_.defined()) add_product_slack(own.computed, norms);
  }

  // A gradient that is formed again for the weighted sum is rounded differently: each is off the exact one by at most
  // e = gamma_T sum_t |left_t||right_t|, so that computed + 2 e bounds what is summed. Matters where positions cancel.
  void add_product_slack(const std::vector<double>& computed, SquaredNorms& norms) const {
    const double gamma_positions = gamma(left_.size(1) + 1);
    const std::vector<double> bounds = outer_product_norms();
    for (int64_t i = 0; i < batch_; ++i) {
      const auto record = static_cast<size_t>(i);
      const double error = 2.0 * gamma_positions * bounds[record];
      norms.slack[record] += error * (2.0 * std::sqrt(computed[record]) + error);
    }
  }

  double unit_roundoff() const {
    return left_.scalar_type() == at::kFloat ? std::numeric_limits<float>::epsilon() / 2.0
                                             : std::numeric_limits<double>::epsilon() / 2.0;
  }
  double gamma(int64_t length) const { return gamma(length, unit_roundoff()); }
  static double gamma(int64_t length, double roundoff) {
    const double k = static_cast<double>(length) * roundoff;
    return k / (1.0 - k);
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
  at::ScalarType dtype_;  // of the product: what the activation was rounded to
  Strategy strategy_ = Strategy::automatic;
  int64_t chunk_ = 1;
  std::vector<at::Tensor> lefts_, rights_;  // parts of the two below, along T
  at::Tensor left_;                         // [B, T, rows of the parameter]
  at::Tensor right_;                        // [B, T, columns of the parameter]
  at::Tensor kept_;                         // [B, N]
};

}  // namespace

std::unique_ptr<ParameterUse> make_matrix_use(const at::Tensor& activation, BatchPosition input, BatchPosition output,
                                              int64_t batch, bool transposed, double scale,
                                              std::optional<at::ScalarType> dtype) {
  return std::make_unique<MatrixUse>(activation, input, output, batch, transposed, scale,
                                     dtype.value_or(activation.scalar_type()));
}

}  // namespace sotto::optim

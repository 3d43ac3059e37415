#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <sotto/optim/product_use.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>

#include <algorithm>

namespace sotto::optim {
namespace {

class ProductUse final : public ParameterUse {
 public:
  ProductUse(const at::Tensor& activation, BatchPosition input, BatchPosition output, at::IntArrayRef output_sizes,
             int64_t batch, bool parameter_in_front, double scale)
      : activation_(activation),
        input_(input),
        output_(output),
        batch_(batch),
        parameter_in_front_(parameter_in_front),
        scale_(scale) {
    const auto meta = at::TensorOptions().device(at::kMeta);  // shapes alone
    const at::Tensor a = by_record(at::empty(activation.sizes(), meta), input);
    const at::Tensor b = by_record(at::empty(output_sizes, meta), output);
    shape_.elements = a.size(1) * a.size(3) * b.size(3);
    shape_.factors = (a.numel() + b.numel()) / std::max<int64_t>(1, batch);
    shape_.multiplications = static_cast<double>(a.size(2)) * static_cast<double>(shape_.elements);
  }

  UseShape shape() const override { return shape_; }

  void bind(at::Tensor output_gradient) override {
    const at::Tensor a = by_record(activation_.get(), input_).to(output_gradient.scalar_type());
    activation_ = {};
    const at::Tensor b = by_record(scale_ == 1.0 ? output_gradient : output_gradient * scale_, output_);
    left_ = parameter_in_front_ ? b : a;
    right_ = parameter_in_front_ ? a : b;
  }

  void choose(Strategy strategy, int64_t chunk_bytes) override {
    const int64_t bytes = left_.size(1) * left_.size(3) * right_.size(3) * static_cast<int64_t>(left_.element_size());
    chunk_ = std::max<int64_t>(1, chunk_bytes / std::max<int64_t>(1, bytes));
    if (strategy != Strategy::keep) return;
    kept_ = per_record(0, batch_);
    left_.reset();
    right_.reset();
  }

  at::Tensor per_record(int64_t begin, int64_t end) override {
    if (kept_.defined()) return kept_.slice(0, begin, end);
    const at::Tensor left = left_.slice(0, begin, end).flatten(0, 1);
    const at::Tensor right = right_.slice(0, begin, end).flatten(0, 1);
    return left.transpose(1, 2).bmm(right).view({end - begin, -1});
  }

  void add_squared_norms(SquaredNorms& norms) override {
    for (int64_t begin = 0; begin < batch_; begin += chunk_) {
      add_row_norms(device(), per_record(begin, std::min(batch_, begin + chunk_)), begin, norms);
    }
  }

  // In the chunks of the norm: the products are formed again exactly as they were.
  void add_weighted(const at::Tensor& weights, at::Tensor& total) override {
    for (int64_t begin = 0; begin < batch_; begin += chunk_) {
      const int64_t end = std::min(batch_, begin + chunk_);
      add_row_sum(device(), per_record(begin, end), weights.slice(0, begin, end), total);
    }
  }

  Strategy strategy() const override { return kept_.defined() ? Strategy::keep : Strategy::drop; }
  int64_t held_bytes() const override {
    return bytes_freed_with(left_) + bytes_freed_with(right_) + bytes_freed_with(kept_);
  }

 private:
  // [B, G, T, features]
  at::Tensor by_record(const at::Tensor& tensor, BatchPosition position) const {
    at::Tensor records = batch_first(tensor, position, batch_);  // [B, outer, inner, (G,) features]
    if (position.dim == 0 && tensor.dim() == 3) {
      records = records.flatten(1, 2);  // [B, G, rows, columns]
      return parameter_in_front_ ? records.transpose(2, 3) : records;
    }
    if (records.dim() == 4) records = records.unsqueeze(3);
    return records.flatten(1, 2).transpose(1, 2);
  }

  SavedTensor activation_;
  BatchPosition input_;
  BatchPosition output_;
  int64_t batch_;
  bool parameter_in_front_;
  double scale_;
  UseShape shape_;
  int64_t chunk_ = 1;
  at::Tensor left_;
  at::Tensor right_;
  at::Tensor kept_;  // [B, N]
};

}  // namespace

std::unique_ptr<ParameterUse> make_product_use(const at::Tensor& activation, BatchPosition input, BatchPosition output,
                                               at::IntArrayRef output_sizes, int64_t batch, bool parameter_in_front,
                                               double scale) {
  return std::make_unique<ProductUse>(activation, input, output, output_sizes, batch, parameter_in_front, scale);
}

}  // namespace sotto::optim

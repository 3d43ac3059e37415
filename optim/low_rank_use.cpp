#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <sotto/optim/low_rank_use.h>
#include <sotto/optim/matrix_use.h>
#include <sotto/optim/saved_tensor.h>

#include <algorithm>
#include <utility>

namespace sotto::optim {
namespace {

// Both wait for the gradient, make the narrow matrix from it, and are a matrix use from then on.
class FactorUse : public ParameterUse {
 public:
  FactorUse(const OperatorCall& call, size_t activation, BatchPosition output, const at::Tensor& other, double scale)
      : activation_(call.tensor(activation)),
        other_(other.detach()),
        input_(*call.position(activation)),
        output_(output),
        batch_(call.batch),
        scale_(scale) {
    const at::Tensor& x = call.tensor(activation);
    shape_.positions = x.numel() / std::max<int64_t>(1, batch_ * x.size(-1));
  }

  UseShape shape() const override { return shape_; }
  bool absorb(ParameterUse& other) override {
    auto* same = dynamic_cast<FactorUse*>(&other);
    return same != nullptr && product_->absorb(*same->product_);
  }
  void choose(Strategy strategy, int64_t chunk_bytes) override { product_->choose(strategy, chunk_bytes); }
  at::Tensor per_record(int64_t begin, int64_t end) override { return product_->per_record(begin, end); }
  void add_squared_norms(SquaredNorms& norms) override { product_->add_squared_norms(norms); }
  void add_weighted(const at::Tensor& weights, at::Tensor& total) override { product_->add_weighted(weights, total); }
  void add_weighted_strided(const at::Tensor& weights, at::Tensor& total) override {
    product_->add_weighted_strided(weights, total);
  }
  Strategy strategy() const override { return product_ ? product_->strategy() : Strategy::automatic; }
  int64_t held_bytes() const override { return product_ ? product_->held_bytes() : 0; }

 protected:
  void set_sizes(int64_t rows, int64_t columns) {
    shape_.rows = rows;
    shape_.columns = columns;
    shape_.elements = rows * columns;
    shape_.factors = shape_.positions * (rows + columns);
    shape_.multiplications = static_cast<double>(shape_.positions) * static_cast<double>(shape_.elements);
  }
  void become(const at::Tensor& activation, at::Tensor gradient) {
    product_ = make_matrix_use(activation, input_, output_, gradient.size(-1), batch_, /*transposed=*/false, scale_);
    product_->set_device(device());
    product_->bind(std::move(gradient));
    activation_ = {};
    other_.reset();
  }

  SavedTensor activation_;
  at::Tensor other_;  // the factor that this is not the use of

 private:
  BatchPosition input_;
  BatchPosition output_;
  int64_t batch_;
  double scale_;
  UseShape shape_;
  std::unique_ptr<ParameterUse> product_;
};

class LeftUse final : public FactorUse {
 public:
  LeftUse(const OperatorCall& call, size_t activation, BatchPosition output, const at::Tensor& right, double scale)
      : FactorUse(call, activation, output, right, scale) {
    set_sizes(call.outputs.at(0).size(-1), right.size(0));
  }
  void bind(at::Tensor gradient) override {
    const at::ScalarType dtype = gradient.scalar_type();
    const at::Tensor few = at::matmul(activation_.get().to(dtype), other_.t().to(dtype));
    become(few, std::move(gradient));
  }
};

class RightUse final : public FactorUse {
 public:
  RightUse(const OperatorCall& call, size_t activation, BatchPosition output, const at::Tensor& left, double scale)
      : FactorUse(call, activation, output, left, scale) {
    set_sizes(left.size(1), call.tensor(activation).size(-1));
  }
  void bind(at::Tensor gradient) override {
    become(activation_.get(), at::matmul(gradient, other_.to(gradient.scalar_type())));
  }
};

}  // namespace

std::optional<LowRankProduct> low_rank_product(const OperatorCall& call, size_t argument) {
  std::optional<LowRankProduct> result;
  if (call.name == "aten::linear" && argument == 1) result = {0, false, 1.0};
  if (call.name == "aten::mm" && argument == 1) result = {0, true, 1.0};
  if (call.name == "aten::addmm" && call.overload.empty() && argument == 2 && !call.in_place)
    result = {1, true, call.number(4)};
  return result && call.position(result->activation) ? result : std::nullopt;
}

LowRankUses make_low_rank_uses(const OperatorCall& call, size_t activation, const at::Tensor& left,
                               const at::Tensor& right, double scale, BatchPosition output) {
  return {std::make_unique<LeftUse>(call, activation, output, right, scale),
          std::make_unique<RightUse>(call, activation, output, left, scale)};
}

}  // namespace sotto::optim

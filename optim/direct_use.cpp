#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>
#include <sotto/optim/direct_use.h>
#include <sotto/optim/record_rows.h>

#include <algorithm>

namespace sotto::optim {
namespace {

class DirectUse final : public ParameterUse {
 public:
  explicit DirectUse(DeviceRows rows) : make_rows_(std::move(rows)) {}

  void bind(at::Tensor output_gradient) override {
    rows_ = make_rows_(device(), output_gradient).contiguous();
    make_rows_ = nullptr;  // with the activations that it holds
  }
  bool absorb(ParameterUse& other) override {
    auto* same = dynamic_cast<DirectUse*>(&other);
    if (same == nullptr || same->rows_.sizes() != rows_.sizes()) return false;
    rows_ = rows_ + same->rows_;
    return true;
  }
  at::Tensor per_record(int64_t begin, int64_t end) override { return rows_.slice(0, begin, end); }
  void add_squared_norms(SquaredNorms& norms) override { add_row_norms(device(), rows_, 0, norms); }
  void add_weighted(const at::Tensor& weights, at::Tensor& total) override {
    add_row_sum(device(), rows_, weights, total);
  }
  at::Tensor kept_rows() const override { return rows_; }
  Strategy strategy() const override { return Strategy::keep; }
  int64_t held_bytes() const override { return bytes_freed_with(rows_); }

 private:
  DeviceRows make_rows_;
  at::Tensor rows_;  // [B, N]
};

// Sums every dimension but the first and those in `kept` (increasing); [B, N]. No copy where there is nothing to sum.
at::Tensor sum_but(const at::Tensor& tensor, const std::vector<int64_t>& kept) {
  std::vector<int64_t> summed;
  for (int64_t d = 1; d < tensor.dim(); ++d) {
    if (tensor.size(d) != 1 && std::find(kept.begin(), kept.end(), d) == kept.end()) summed.push_back(d);
  }
  const at::Tensor total = summed.empty() ? tensor : at::sum(tensor, summed);
  return total.reshape({tensor.size(0), -1});
}

}  // namespace

std::unique_ptr<ParameterUse> make_direct_use(std::function<at::Tensor(const at::Tensor& output_gradient)> rows) {
  return make_device_use(
      [rows = std::move(rows)](const StepDevice&, const at::Tensor& gradient) { return rows(gradient); });
}

std::unique_ptr<ParameterUse> make_device_use(DeviceRows rows) {
  return std::make_unique<DirectUse>(std::move(rows));
}

std::unique_ptr<ParameterUse> make_bias_use(at::IntArrayRef sizes, BatchPosition output, int64_t batch, double scale) {
  return make_direct_use([sizes = sizes.vec(), output, batch, scale](const at::Tensor& gradient) {
    const int64_t lead = gradient.dim() - static_cast<int64_t>(sizes.size());
    std::vector<int64_t> kept;
    // batch_first puts the output's dimensions other than the batch's behind [B, outer, inner].
    int64_t place = 3;
    for (int64_t d = 0; d < gradient.dim(); ++d) {
      if (d == output.dim) continue;
      if (d >= lead && sizes[static_cast<size_t>(d - lead)] != 1) kept.push_back(place);
      ++place;
    }
    const at::Tensor rows = sum_but(batch_first(gradient, output, batch), kept);
    return scale == 1.0 ? rows : rows * scale;
  });
}

std::unique_ptr<ParameterUse> make_channel_bias_use(BatchPosition output, int64_t batch) {
  return make_direct_use(
      [output, batch](const at::Tensor& gradient) { return sum_but(batch_first(gradient, output, batch), {3}); });
}

}  // namespace sotto::optim

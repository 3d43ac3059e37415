#include <ATen/ops/bmm.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <sotto/optim/convolution_use.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>
#include <sotto/privacy/error.h>

#include <algorithm>

namespace sotto::optim {
namespace {

constexpr int64_t kUnfoldedBytes = 4LL << 20;  // larger pieces fall out of the caches

class ConvolutionUse final : public ParameterUse {
 public:
  ConvolutionUse(const at::Tensor& input, BatchPosition input_position, BatchPosition output_position,
                 at::IntArrayRef output_sizes, int64_t batch, ConvolutionGeometry geometry)
      : input_(input),
        input_position_(input_position),
        output_position_(output_position),
        batch_(batch),
        geometry_(std::move(geometry)) {
    const auto meta = at::TensorOptions().device(at::kMeta);  // shapes alone
    at::Tensor images = by_record(at::empty(input.sizes(), meta), input_position);
    at::Tensor gradient = by_record(at::empty(output_sizes, meta), output_position);
    if (geometry_.transposed) std::swap(images, gradient);
    shape_.elements = gradient.size(2) * (images.size(2) / geometry_.groups);
    for (int64_t size : geometry_.kernel) shape_.elements *= size;
    shape_.factors = (images.numel() + gradient.numel()) / std::max<int64_t>(1, batch);
    const int64_t places = gradient.numel() / std::max<int64_t>(1, batch * gradient.size(2));
    shape_.multiplications = static_cast<double>(places) * static_cast<double>(shape_.elements);
  }

  UseShape shape() const override { return shape_; }

  void bind(at::Tensor output_gradient) override {
    images_ = by_record(input_.get(), input_position_).to(output_gradient.scalar_type());
    gradient_ = by_record(output_gradient, output_position_);
    // The transposed convolution is the other one's derivative: input and output gradient change places.
    if (geometry_.transposed) std::swap(images_, gradient_);
    input_ = {};
  }

  void choose(Strategy strategy, int64_t chunk_bytes) override {
    int64_t places = gradient_.size(1);
    for (int64_t d = 3; d < gradient_.dim(); ++d) places *= gradient_.size(d);
    const auto element_size = static_cast<int64_t>(images_.element_size());
    const int64_t unfolded = places * shape_.elements * geometry_.groups / std::max<int64_t>(1, gradient_.size(2));
    const int64_t bytes = (shape_.elements + unfolded) * element_size;
    chunk_ = std::max<int64_t>(1, std::min(chunk_bytes, kUnfoldedBytes) / std::max<int64_t>(1, bytes));
    if (strategy != Strategy::keep) return;
    strategy_ = Strategy::keep;
    at::Tensor rows = at::empty({batch_, shape_.elements}, images_.options());
    for (int64_t begin = 0; begin < batch_; begin += chunk_) {
      const int64_t end = std::min(batch_, begin + chunk_);
      compute(begin, end, rows.slice(0, begin, end));
    }
    kept_ = rows;
    images_.reset();
    gradient_.reset();
  }

  at::Tensor per_record(int64_t begin, int64_t end) override {
    if (kept_.defined()) return kept_.slice(0, begin, end);
    at::Tensor rows = at::empty({end - begin, shape_.elements}, images_.options());
    compute(begin, end, rows);
    return rows;
  }

  void add_squared_norms(SquaredNorms& norms) override {
    for (int64_t begin = 0; begin < batch_; begin += chunk_) {
      add_row_norms(per_record(begin, std::min(batch_, begin + chunk_)), begin, norms);
    }
  }

  void add_weighted(const at::Tensor& weights, at::Tensor& total) override {
    if (kept_.defined()) {
      add_row_sum(kept_, weights, total);
      return;
    }
    for (int64_t begin = 0; begin < batch_; begin += chunk_) {
      const int64_t end = std::min(batch_, begin + chunk_);
      add_row_sum(per_record(begin, end), weights.slice(0, begin, end), total);
    }
  }

  Strategy strategy() const override { return strategy_; }
  int64_t held_bytes() const override { return bytes_of(images_) + bytes_of(gradient_) + bytes_of(kept_); }

 private:
  // [B, images per record, channels, spatial...]
  at::Tensor by_record(const at::Tensor& tensor, BatchPosition position) const {
    return batch_first(tensor, position, batch_).flatten(1, 2);
  }

  // rows[n, outputs * inputs/groups * kernel] for records [begin, end).
  void compute(int64_t begin, int64_t end, at::Tensor rows) const {
    const int64_t records = end - begin;
    const int64_t per_record = images_.size(1);
    const int64_t groups = geometry_.groups;
    const auto spatial = static_cast<int64_t>(geometry_.kernel.size());
    const at::Tensor unfolded = unfold(images_.slice(0, begin, end).flatten(0, 1));
    // [records * groups, images * places, inputs/groups * kernel] and [records * groups, outputs/groups, images *
    // places]
    const int64_t columns = rows.size(1) / gradient_.size(2);
    at::Tensor patches = unfolded.view({records, per_record, groups, columns, -1});
    at::Tensor gradient =
        gradient_.slice(0, begin, end).reshape({records, per_record, groups, gradient_.size(2) / groups, -1});
    SOTTO_ASSERT(patches.size(4) == gradient.size(4) && spatial == images_.dim() - 3);
    const at::Tensor left = gradient.transpose(1, 2).transpose(2, 3).reshape({records * groups, gradient.size(3), -1});
    const at::Tensor right = patches.transpose(1, 2).transpose(2, 3).reshape({records * groups, columns, -1});
    at::Tensor out = rows.view({records * groups, gradient.size(3), columns});
    at::bmm_out(out, left, right.transpose(1, 2));
  }

  // Every patch of every image: [images, channels * kernel, places], one copy.
  at::Tensor unfold(const at::Tensor& images) const {
    const auto spatial = geometry_.kernel.size();
    std::vector<int64_t> pad;
    bool padded = false;
    for (size_t d = spatial; d-- > 0;) {
      pad.insert(pad.end(), {geometry_.padding[d], geometry_.padding[d]});
      padded = padded || geometry_.padding[d] != 0;
    }
    const at::Tensor source = (padded ? at::constant_pad_nd(images, pad, 0) : images).contiguous();
    std::vector<int64_t> sizes = {source.size(0), source.size(1)};
    std::vector<int64_t> strides = {source.stride(0), source.stride(1)};
    for (size_t d = 0; d < spatial; ++d) {
      sizes.push_back(geometry_.kernel[d]);
      strides.push_back(source.stride(static_cast<int64_t>(d) + 2) * geometry_.dilation[d]);
    }
    for (size_t d = 0; d < spatial; ++d) {
      sizes.push_back(gradient_.size(static_cast<int64_t>(d) + 3));
      strides.push_back(source.stride(static_cast<int64_t>(d) + 2) * geometry_.stride[d]);
    }
    int64_t patch = source.size(1);
    for (int64_t size : geometry_.kernel) patch *= size;
    return source.as_strided(sizes, strides).reshape({source.size(0), patch, -1});
  }

  SavedTensor input_;
  BatchPosition input_position_;
  BatchPosition output_position_;
  int64_t batch_;
  ConvolutionGeometry geometry_;
  Strategy strategy_ = Strategy::drop;
  int64_t chunk_ = 1;
  UseShape shape_;
  at::Tensor images_;    // [B, images, channels, spatial...]
  at::Tensor gradient_;  // [B, images, outputs, places...]
  at::Tensor kept_;      // [B, N]
};

}  // namespace

std::unique_ptr<ParameterUse> make_convolution_use(const at::Tensor& input, BatchPosition input_position,
                                                   BatchPosition output_position, at::IntArrayRef output_sizes,
                                                   int64_t batch, ConvolutionGeometry geometry) {
  return std::make_unique<ConvolutionUse>(input, input_position, output_position, output_sizes, batch,
                                          std::move(geometry));
}

}  // namespace sotto::optim

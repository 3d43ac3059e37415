#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/movedim.h>
#include <ATen/ops/zeros.h>
#include <sotto/kernels/convolution_norms.h>
#include <sotto/optim/convolution_use.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cstddef>

namespace sotto::optim {
namespace {

constexpr int64_t kLargestPiece = 4LL << 20;  // in bytes; larger ones fall out of the caches

constexpr int64_t kLargestDirectRecord = 1LL << 31;  // elements, padded: see convolution_norms.h

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
    inputs_ = images.size(2);
    shape_.elements = gradient.size(2) * (images.size(2) / geometry_.groups);
    for (int64_t size : geometry_.kernel) shape_.elements *= size;
    int64_t padded = images.size(1) * inputs_;
    for (size_t d = 0; d < geometry_.kernel.size(); ++d)
      padded *= images.size(static_cast<int64_t>(d) + 3) + 2 * geometry_.padding[d];
    direct_ = geometry_.kernel.size() <= 2 && padded < kLargestDirectRecord;
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
    const bool keep = strategy == Strategy::keep;
    strategy_ = keep ? Strategy::keep : Strategy::drop;
    if (direct()) {
      images_ = images_.contiguous();
      gradient_ = gradient_.contiguous();
    }
    choose_chunk(chunk_bytes);
    computed_ = at::zeros({batch_}, images_.options().dtype(at::kDouble));
    if (!keep) return;
    kept_ = compute(0, batch_);
    images_.reset();
    gradient_.reset();
  }

  at::Tensor per_record(int64_t begin, int64_t end) override {
    const at::Tensor rows = kept_.defined() ? kept_.slice(0, begin, end) : compute(begin, end);
    return direct() ? as_parameter(rows).reshape({end - begin, -1}) : rows;
  }

  void add_squared_norms(SquaredNorms& norms) override {
    if (!kept_.defined()) drop_all();
    norms.computed.add_(computed_);
  }

  // What was dropped is formed again by the same call, with the same bits.
  void add_weighted(const at::Tensor& weights, at::Tensor& total) override {
    at::Tensor sum = direct() ? at::zeros({1, shape_.elements}, total.options()) : total;
    at::Tensor row = sum.view({-1});
    for (int64_t begin = 0; begin < batch_; begin += kept_.defined() ? batch_ : chunk_) {
      const int64_t end = kept_.defined() ? batch_ : std::min(batch_, begin + chunk_);
      add_row_sum(device(), kept_.defined() ? kept_ : compute(begin, end), weights.slice(0, begin, end), row);
    }
    if (direct()) total.add_(as_parameter(sum).reshape({-1}));
  }

  Strategy strategy() const override { return strategy_; }
  int64_t held_bytes() const override {
    return bytes_freed_with(images_) + bytes_freed_with(gradient_) + bytes_freed_with(kept_);
  }

 private:
  // [B, images per record, channels, spatial...]
  at::Tensor by_record(const at::Tensor& tensor, BatchPosition position) const {
    return batch_first(tensor, position, batch_).flatten(1, 2);
  }

  // The kernel reads images where they are, in up to two dimensions; others, and gigantic ones, are unfolded here.
  bool direct() const { return direct_; }

  void choose_chunk(int64_t chunk_bytes) {
    const auto element_size = static_cast<int64_t>(images_.element_size());
    int64_t places = gradient_.size(1);
    for (int64_t d = 3; d < gradient_.dim(); ++d) places *= gradient_.size(d);
    const int64_t unfolded =
        direct() ? 0 : places * shape_.elements * geometry_.groups / std::max<int64_t>(1, gradient_.size(2));
    const int64_t bytes = (shape_.elements + unfolded) * element_size;
    const int64_t piece = device().has_table() ? chunk_bytes : std::min(chunk_bytes, kLargestPiece);
    chunk_ = std::max<int64_t>(1, piece / std::max<int64_t>(1, bytes));
  }

  // Makes every row for its norm alone.
  void drop_all() {
    if (direct()) {
      compute_directly(0, batch_, nullptr);
      return;
    }
    for (int64_t begin = 0; begin < batch_; begin += chunk_) compute(begin, std::min(batch_, begin + chunk_));
  }

  // Rows of records [begin, end), in the kernel's order where it makes them, and their squared norms.
  at::Tensor compute(int64_t begin, int64_t end) {
    at::Tensor rows = at::empty({end - begin, shape_.elements}, images_.options());
    if (direct()) {
      compute_directly(begin, end, &rows);
      return rows;
    }
    for (int64_t part = begin; part < end; part += chunk_)
      compute_unfolded(part, std::min(end, part + chunk_),
                       rows.slice(0, part - begin, std::min(end, part + chunk_) - begin));
    SquaredNorms norms{computed_.slice(0, begin, end).zero_(), {}};
    add_row_norms(device(), rows, 0, norms);
    return rows;
  }

  kernels::ConvolutionShape kernel_shape() const {
    const auto size = [](int64_t n) { return static_cast<size_t>(n); };
    const size_t last = geometry_.kernel.size() - 1;
    const bool flat = last == 0;
    return {.records = 1,
            .images = size(images_.size(1)),
            .channels = size(images_.size(2)),
            .height = flat ? 1 : size(images_.size(3)),
            .width = size(images_.size(-1)),
            .outputs = size(gradient_.size(2)),
            .out_height = flat ? 1 : size(gradient_.size(3)),
            .out_width = size(gradient_.size(-1)),
            .kernel_height = flat ? 1 : size(geometry_.kernel[0]),
            .kernel_width = size(geometry_.kernel[last]),
            .stride_y = flat ? 1 : size(geometry_.stride[0]),
            .stride_x = size(geometry_.stride[last]),
            .padding_y = flat ? 0 : size(geometry_.padding[0]),
            .padding_x = size(geometry_.padding[last]),
            .dilation_y = flat ? 1 : size(geometry_.dilation[0]),
            .dilation_x = size(geometry_.dilation[last]),
            .groups = size(geometry_.groups),
            .image_record_stride = size(images_.stride(0)),
            .gradient_record_stride = size(gradient_.stride(0))};
  }

  void compute_directly(int64_t begin, int64_t end, at::Tensor* rows) {
    kernels::ConvolutionShape shape = kernel_shape();
    double* const computed = computed_.mutable_data_ptr<double>();
    for_float_or_double(images_, [&](auto zero) {
      using T = decltype(zero);
      const T* images = images_.const_data_ptr<T>();
      const T* gradient = gradient_.const_data_ptr<T>();
      T* kept = rows == nullptr ? nullptr : rows->mutable_data_ptr<T>();
      if (device().has_table()) {
        shape.records = static_cast<size_t>(end - begin);
        const at::Tensor scratch = device().scratch(kernels::cuda::convolution_norm_scratch(shape));
        device().run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
          launcher<T>(table.convolution_norms_float, table.convolution_norms_double)(
              shape, images + begin * images_.stride(0), gradient + begin * gradient_.stride(0), kept,
              static_cast<size_t>(shape_.elements), scratch.mutable_data_ptr(), computed + begin, stream,
              kernels::kDeviceBlock);
        });
        return;
      }
      at::parallel_for(begin, end, 1, [&](int64_t first, int64_t last) {
        std::vector<std::byte> scratch(kernels::convolution_norm_scratch<T>(shape));
        for (int64_t i = first; i < last; ++i) {
          kernels::convolution_norms(shape, images + i * images_.stride(0), gradient + i * gradient_.stride(0),
                                     kept == nullptr ? nullptr : kept + (i - begin) * shape_.elements,
                                     static_cast<size_t>(shape_.elements), scratch.data(), computed + i);
        }
      });
    });
  }

  // The kernel's rows [n, groups, inputs / groups, kernel..., outputs / groups] with the outputs where the parameter
  // has them: [n, groups, outputs / groups, inputs / groups, kernel...].
  at::Tensor as_parameter(const at::Tensor& rows) const {
    std::vector<int64_t> sizes = {rows.size(0), geometry_.groups, inputs_ / geometry_.groups};
    sizes.insert(sizes.end(), geometry_.kernel.begin(), geometry_.kernel.end());
    sizes.push_back(-1);
    return rows.view(sizes).movedim(-1, 2);
  }

  // rows[n, outputs * inputs/groups * kernel] for records [begin, end).
  void compute_unfolded(int64_t begin, int64_t end, at::Tensor rows) const {
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
  int64_t inputs_ = 0;  // channels of the images
  bool direct_ = false;
  at::Tensor computed_;  // [B], squared norms
  at::Tensor images_;    // [B, images, channels, spatial...]
  at::Tensor gradient_;  // [B, images, outputs, places...]
  at::Tensor kept_;      // [B, N], see as_parameter
};

}  // namespace

std::unique_ptr<ParameterUse> make_convolution_use(const at::Tensor& input, BatchPosition input_position,
                                                   BatchPosition output_position, at::IntArrayRef output_sizes,
                                                   int64_t batch, ConvolutionGeometry geometry) {
  return std::make_unique<ConvolutionUse>(input, input_position, output_position, output_sizes, batch,
                                          std::move(geometry));
}

}  // namespace sotto::optim

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <sotto/kernels/embedding_norms.h>
#include <sotto/optim/embedding_use.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/saved_tensor.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace sotto::optim {
namespace {

class EmbeddingUse final : public ParameterUse {
 public:
  EmbeddingUse(EmbeddingTokens tokens, BatchPosition output, int64_t batch)
      : of_(std::move(tokens)), saved_(of_.tokens), output_(output), batch_(batch) {
    of_.tokens.reset();
  }

  void bind(at::Tensor output_gradient) override {
    tokens_ = by_record(saved_.get()).to(at::kLong).contiguous();
    saved_ = {};
    gradient_ = record_matrices(output_gradient, output_, batch_).contiguous();
    if (of_.scale.defined()) scale_ = by_record(of_.scale).to(gradient_.scalar_type()).contiguous();
    of_.scale.reset();
    SOTTO_ASSERT(tokens_.size(1) == gradient_.size(1) * of_.bag);
  }

  at::Tensor per_record(int64_t begin, int64_t end) override {
    at::Tensor dense = at::zeros({end - begin, of_.vocabulary * gradient_.size(2)}, gradient_.options());
    if (device().has_table()) {
      at::Tensor tables = dense.view({end - begin, of_.vocabulary, gradient_.size(2)});
      const at::Tensor records = at::arange(end - begin, tokens_.options()).unsqueeze(1).expand({-1, tokens_.size(1)});
      tables.index_put_({records, tokens_.slice(0, begin, end)}, rows_at_tokens(begin, end, {}), /*accumulate=*/true);
      return dense;
    }
    for_float_or_double(dense, [&](auto zero) {
      using T = decltype(zero);
      T* rows = dense.mutable_data_ptr<T>();
      for (int64_t i = begin; i < end; ++i) {
        T* table = rows + (i - begin) * dense.size(1);
        for_each_token<T>(i, 0, of_.vocabulary, [&](int64_t token, T scale, const T* gradient) {
          add(table, token, static_cast<double>(scale), gradient);
        });
      }
    });
    return dense;
  }

  void add_squared_norms(SquaredNorms& norms) override {
    const at::Tensor computed = at::zeros({batch_}, norms.computed.options());
    const at::Tensor bounds = at::zeros({batch_}, norms.computed.options());
    kernels::EmbeddingShape shape{.records = static_cast<size_t>(batch_),
                                  .positions = static_cast<size_t>(tokens_.size(1)),
                                  .positions_per_row = static_cast<size_t>(of_.bag),
                                  .columns = static_cast<size_t>(gradient_.size(2)),
                                  .token_record_stride = static_cast<size_t>(tokens_.size(1)),
                                  .gradient_record_stride = static_cast<size_t>(gradient_.stride(0)),
                                  .gradient_row_stride = static_cast<size_t>(gradient_.size(2)),
                                  .padding = of_.padding};
    for_float_or_double(gradient_, [&](auto zero) {
      using T = decltype(zero);
      const int64_t* tokens = tokens_.const_data_ptr<int64_t>();
      const T* scale = scale_.defined() ? scale_.const_data_ptr<T>() : nullptr;
      const T* gradient = gradient_.const_data_ptr<T>();
      double* const computed_at = computed.mutable_data_ptr<double>();
      double* const bounds_at = bounds.mutable_data_ptr<double>();
      if (device().has_table()) {
        const at::Tensor scratch = device().scratch(kernels::cuda::embedding_norm_scratch(shape));
        device().run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
          launcher<T>(table.embedding_norms_float, table.embedding_norms_double)(
              shape, tokens, scale, gradient, scratch.mutable_data_ptr(), computed_at, bounds_at, stream,
              kernels::kDeviceBlock);
        });
        return;
      }
      shape.records = 1;
      at::parallel_for(0, batch_, 1, [&](int64_t begin, int64_t end) {
        std::vector<std::byte> scratch(kernels::embedding_norm_scratch(shape));
        for (int64_t i = begin; i < end; ++i) {
          kernels::embedding_norms(shape, tokens + i * tokens_.size(1),
                                   scale == nullptr ? nullptr : scale + i * tokens_.size(1),
                                   gradient + i * gradient_.stride(0), scratch.data(), computed_at + i, bounds_at + i);
        }
      });
    });
    const at::Tensor slack = bounds * kernels::embedding_norm_factor(shape) * bounds;
    // The rows that are formed for the weighted sum are rounded: T terms, each with its scale.
    const at::Tensor error = bounds * rounding_of_sum(tokens_.size(1) + 1, gradient_.scalar_type());
    norms.computed.add_(computed);
    norms.slack.add_(slack + slack_of_error(error, computed + slack));
  }

  // Every thread has rows of the table for itself and adds to them in the order of the records.
  void add_weighted(const at::Tensor& weights, at::Tensor& total) override {
    if (device().has_table()) {
      total.view({of_.vocabulary, gradient_.size(2)})
          .index_put_({tokens_}, rows_at_tokens(0, batch_, weights), /*accumulate=*/true);
      return;
    }
    for_float_or_double(total, [&](auto zero) {
      using T = decltype(zero);
      T* table = total.mutable_data_ptr<T>();
      const T* weight = weights.const_data_ptr<T>();
      const int64_t threads = std::max(1, at::get_num_threads());
      at::parallel_for(0, of_.vocabulary, (of_.vocabulary + threads - 1) / threads, [&](int64_t first, int64_t last) {
        for (int64_t i = 0; i < batch_; ++i) {
          if (weight[i] == T(0)) continue;
          for_each_token<T>(i, first, last, [&](int64_t token, T scale, const T* gradient) {
            add(table, token, static_cast<double>(weight[i]) * static_cast<double>(scale), gradient);
          });
        }
      });
    });
  }

  Strategy strategy() const override { return Strategy::keep; }
  int64_t held_bytes() const override {
    return bytes_freed_with(tokens_) + bytes_freed_with(scale_) + bytes_freed_with(gradient_);
  }

 private:
  at::Tensor by_record(const at::Tensor& tensor) const {
    return batch_first(tensor, of_.position, batch_).reshape({batch_, -1});
  }

  // What each token of records [begin, end) adds to its row of the table, [n, T, D]; zeros at padding and in records of
  // weight 0. Rounded once, as in add(). LibTorch adds such rows in the order of the tokens, on a device by sorting
  // them: no atomic sums.
  at::Tensor rows_at_tokens(int64_t begin, int64_t end, const at::Tensor& weights) const {
    const at::Tensor tokens = tokens_.slice(0, begin, end);
    // Without a scale the product of two numbers of the gradient's type is rounded once in that type, too.
    const at::ScalarType type = scale_.defined() ? at::kDouble : gradient_.scalar_type();
    at::Tensor factor = at::ones({end - begin, 1}, gradient_.options().dtype(type));
    if (weights.defined()) factor = weights.slice(0, begin, end).to(type).unsqueeze(1);
    at::Tensor counts = factor.ne(0).expand(tokens.sizes());
    if (of_.padding >= 0) counts = counts.logical_and(tokens.ne(of_.padding));
    if (scale_.defined()) factor = factor * scale_.slice(0, begin, end).to(type);
    const at::Tensor gradients = gradient_.slice(0, begin, end)
                                     .unsqueeze(2)
                                     .expand({-1, -1, of_.bag, -1})
                                     .reshape({end - begin, tokens.size(1), gradient_.size(2)});
    const at::Tensor rows = (gradients.to(type) * factor.unsqueeze(2)).to(gradient_.scalar_type());
    return at::where(counts.unsqueeze(2), rows, 0.0);
  }

  // The tokens from `first` to before `last` of one record that have a gradient, in order.
  template <class T, class Visit>
  void for_each_token(int64_t record, int64_t first, int64_t last, Visit&& visit) const {
    const int64_t count = tokens_.size(1);
    const int64_t* tokens = tokens_.const_data_ptr<int64_t>() + record * count;
    const T* scale = scale_.defined() ? scale_.const_data_ptr<T>() + record * count : nullptr;
    const T* gradient = gradient_.const_data_ptr<T>() + record * gradient_.stride(0);
    for (int64_t t = 0; t < count; ++t) {
      if (tokens[t] < first || tokens[t] >= last || (of_.padding >= 0 && tokens[t] == of_.padding)) continue;
      visit(tokens[t], scale == nullptr ? T(1) : scale[t], gradient + t / of_.bag * gradient_.size(2));
    }
  }

  // In double: near the smallest float a weight times a scale would lose its digits before it meets a large gradient.
  template <class T>
  void add(T* table, int64_t token, double factor, const T* gradient) const {
    const int64_t columns = gradient_.size(2);
    T* row = table + token * columns;
    for (int64_t c = 0; c < columns; ++c) row[c] += static_cast<T>(factor * static_cast<double>(gradient[c]));
  }

  EmbeddingTokens of_;
  SavedTensor saved_;
  BatchPosition output_;
  int64_t batch_;
  at::Tensor tokens_;    // [B, T]
  at::Tensor scale_;     // [B, T] or not defined
  at::Tensor gradient_;  // [B, T / bag, D]
};

}  // namespace

std::unique_ptr<ParameterUse> make_embedding_use(EmbeddingTokens tokens, BatchPosition output, int64_t batch) {
  return std::make_unique<EmbeddingUse>(std::move(tokens), output, batch);
}

}  // namespace sotto::optim

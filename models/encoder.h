#pragma once
// A transformer encoder classifier, and the mean of word vectors: the text networks of `sotto bench step`.

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/transformercoder.h>
#include <torch/nn/modules/transformerlayer.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <optional>

namespace sotto::models {

struct EncoderOptions {
  int64_t vocabulary = 30522;
  int64_t width = 384;
  int64_t heads = 12;  // divides width
  int64_t feed_forward = 1536;
  int64_t layers = 6;
  int64_t classes = 2;
};

// tokens [B, T] (int64) -> logits [B, classes]: embedding, post-norm encoder layers without dropout, mean over T,
// linear.
struct EncoderImpl : torch::nn::Module {
  explicit EncoderImpl(const EncoderOptions& options);
  torch::Tensor forward(const torch::Tensor& tokens);

  torch::nn::Embedding embedding{nullptr};
  torch::nn::TransformerEncoder encoder{nullptr};
  torch::nn::Linear head{nullptr};
};
TORCH_MODULE(Encoder);

// tokens [B, T] (int64) -> logits [B, classes]: embedding, mean over the tokens of a text, linear. With the id
// `padding` texts end as pooling.h says; without it all are of the length T.
struct MeanOfWordsImpl : torch::nn::Module {
  MeanOfWordsImpl(int64_t vocabulary, int64_t width, int64_t classes, std::optional<int64_t> pad = {});
  torch::Tensor forward(const torch::Tensor& tokens);

  std::optional<int64_t> padding;

  torch::nn::Embedding embedding{nullptr};
  torch::nn::Linear head{nullptr};
};
TORCH_MODULE(MeanOfWords);

}  // namespace sotto::models

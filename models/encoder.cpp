#include <sotto/models/encoder.h>
#include <sotto/models/pooling.h>

namespace sotto::models {

namespace nn = torch::nn;

EncoderImpl::EncoderImpl(const EncoderOptions& options) {
  const auto layer = nn::TransformerEncoderLayerOptions(options.width, options.heads)
                         .dim_feedforward(options.feed_forward)
                         .dropout(0.0);
  embedding = register_module("embedding", nn::Embedding(options.vocabulary, options.width));
  encoder = register_module("encoder", nn::TransformerEncoder(nn::TransformerEncoderLayer(layer), options.layers));
  head = register_module("head", nn::Linear(options.width, options.classes));
}

torch::Tensor EncoderImpl::forward(const torch::Tensor& tokens) {
  // LibTorch's encoder is time-first: [T, B, width].
  const torch::Tensor encoded = encoder(embedding(tokens).transpose(0, 1)).transpose(0, 1);
  return head(encoded.mean(1));
}

MeanOfWordsImpl::MeanOfWordsImpl(int64_t vocabulary, int64_t width, int64_t classes, std::optional<int64_t> pad)
    : padding(pad) {
  embedding = register_module("embedding", nn::Embedding(vocabulary, width));
  head = register_module("head", nn::Linear(width, classes));
}

torch::Tensor MeanOfWordsImpl::forward(const torch::Tensor& tokens) {
  const torch::Tensor vectors = embedding(tokens);
  return head(padding ? pooled(vectors, token_places(tokens, *padding), Pooling::mean) : vectors.mean(1));
}

}  // namespace sotto::models

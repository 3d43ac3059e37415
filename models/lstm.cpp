#include <sotto/models/lstm.h>
#include <sotto/models/pooling.h>

#include <tuple>

namespace sotto::models {

namespace nn = torch::nn;

LstmClassifierImpl::LstmClassifierImpl(const LstmOptions& options) : padding(options.padding) {
  embedding = register_module("embedding", nn::Embedding(options.vocabulary, options.embedding));
  lstm = register_module(
      "lstm",
      nn::LSTM(nn::LSTMOptions(options.embedding, options.hidden).num_layers(options.layers).batch_first(true)));
  head = register_module("head", nn::Linear(options.hidden, options.classes));
}

torch::Tensor LstmClassifierImpl::forward(const torch::Tensor& tokens) {
  const torch::Tensor states = std::get<0>(lstm(embedding(tokens)));
  return head(padding ? pooled(states, token_places(tokens, *padding), Pooling::mean) : states.mean(1));
}

}  // namespace sotto::models

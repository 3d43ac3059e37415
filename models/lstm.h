#pragma once
// A recurrent classifier of token sequences.

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <optional>

namespace sotto::models {

struct LstmOptions {
  int64_t vocabulary = 10000;
  int64_t embedding = 100;
  int64_t hidden = 100;
  int64_t layers = 1;
  int64_t classes = 2;
  std::optional<int64_t> padding = {};  // an id: texts end as pooling.h says; otherwise all are of the length T
};

// tokens [B, T] (int64) -> logits [B, classes]: embedding, LSTM (Hochreiter and Schmidhuber, 1997; torch.nn.LSTM, two
// biases per gate), mean of its outputs over the tokens of a text, linear. Parameters, 1,081,002 with the default
// sizes:
//
//   V E + 4 H (E + H + 2) + 4 H (2 H + 2) (layers - 1) + (H + 1) classes.
struct LstmClassifierImpl : torch::nn::Module {
  explicit LstmClassifierImpl(const LstmOptions& options);
  torch::Tensor forward(const torch::Tensor& tokens);

  std::optional<int64_t> padding;
  torch::nn::Embedding embedding{nullptr};
  torch::nn::LSTM lstm{nullptr};
  torch::nn::Linear head{nullptr};
};
TORCH_MODULE(LstmClassifier);

}  // namespace sotto::models

#pragma once
// A BERT encoder (Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
// arXiv:1810.04805), post-norm, with the exact GELU and no dropout. Parameters have the names of a Hugging Face file:
// embeddings.word_embeddings.weight, encoder.layer.0.attention.self.query.weight, ...
//
// Nothing but a record's own tokens reaches its result: no dropout that is drawn per batch, no statistics of a batch,
// and padding has no weight in attention and mean.

#include <sotto/models/bert_options.h>
#include <sotto/models/pooling.h>
#include <sotto/models/state.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>

#include <functional>
#include <vector>

namespace sotto::models {

// states [B, T, width], `hidden` [B, 1, 1, T] (0 for a token, -infinity for padding) -> states [B, T, width].
struct BertLayerImpl : torch::nn::Module {
  explicit BertLayerImpl(const BertOptions& options);
  torch::Tensor forward(const torch::Tensor& states, const torch::Tensor& hidden);

  int64_t heads;
  torch::nn::Linear query{nullptr}, key{nullptr}, value{nullptr}, mixed{nullptr}, wide{nullptr}, narrow{nullptr};
  torch::nn::LayerNorm attention_norm{nullptr}, output_norm{nullptr};
};
TORCH_MODULE(BertLayer);

struct BertImpl : torch::nn::Module {
  explicit BertImpl(const BertOptions& options);

  // ids [B, T] (int64, 0 to vocabulary - 1, T at most positions) -> states [B, T, width]. Which places are tokens and
  // which padding says pooling.h. Token types are 0. Throws UsageError when T is out of range.
  torch::Tensor forward(const torch::Tensor& ids);

  // forward() is embed() and then all layers. tokens: [B, T], false for padding.
  torch::Tensor embed(const torch::Tensor& ids);
  // Layers first, first + 1, ... of them, from states after `first` of them; hands over the states after each.
  using Visit = std::function<void(const torch::Tensor& states)>;
  torch::Tensor through(int64_t first, int64_t end, torch::Tensor states, const torch::Tensor& tokens,
                        const Visit& visit = {});
  torch::Tensor tokens(const torch::Tensor& ids) const;
  static torch::Tensor hidden(const torch::Tensor& tokens, const torch::Tensor& like);

  BertOptions options;
  torch::nn::Embedding words{nullptr}, positions{nullptr}, types{nullptr};
  torch::nn::LayerNorm norm{nullptr};
  std::vector<BertLayer> layers;
};
TORCH_MODULE(Bert);

// What else a published file may hold, for load_published() (state.h): the pooler and heads of other tasks.
PublishedNames published_bert_names();

}  // namespace sotto::models

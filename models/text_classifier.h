#pragma once
// A BERT encoder with a head, and which of its parameters private training adapts.

#include <sotto/models/bert.h>
#include <sotto/models/lora.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace sotto::models {

struct TextClassifierOptions {
  BertOptions bert = {};
  int64_t outputs = 2;  // classes, or 1 for a regression; at least 1
  Pooling pooling = Pooling::mean;
};

// ids [B, T] (int64, bert.h) -> [B, outputs]: states of the encoder, one vector per text, linear.
struct TextClassifierImpl : torch::nn::Module {
  explicit TextClassifierImpl(const TextClassifierOptions& options);
  torch::Tensor forward(const torch::Tensor& ids);
  // The vectors that forward() puts into the linear layer, pooling.h.
  torch::Tensor vectors(const torch::Tensor& ids);

  Pooling pooling;
  Bert bert{nullptr};
  torch::nn::Linear classifier{nullptr};
};
TORCH_MODULE(TextClassifier);

// Copies a published encoder into that of the model; throws as load_published() (state.h).
void load_encoder(const std::filesystem::path& weights, TextClassifierImpl& model);

// The encoder of a published folder, config.json and model.safetensors, with a head that is drawn anew. Throws
// DataError.
TextClassifier load_text_classifier(const std::filesystem::path& folder, int64_t outputs,
                                    Pooling pooling = Pooling::mean);

// What is trained besides the classifier:
//   full     all parameters
//   lora     factors of low rank (lora.h)
//   bitfit   the biases (Ben Zaken et al., "BitFit", ACL 2022)
//   head     nothing
enum class Adaptation { full, lora, bitfit, head };
Adaptation adaptation_of(const std::string& name);  // throws UsageError for another name
const std::vector<std::string>& adaptations();

// Freezes and thaws the model's parameters accordingly. The factors for `lora`, whose apply() belongs in front of every
// forward pass; otherwise nothing. Once for a model.
std::unique_ptr<Lora> adapt(TextClassifierImpl& model, Adaptation adaptation, const LoraOptions& options = {});

}  // namespace sotto::models

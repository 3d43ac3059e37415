#pragma once
// A BERT encoder with a head, and which of its parameters private training adapts.

#include <sotto/models/bert.h>
#include <sotto/models/lora.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sotto::models {

// Added to the square of a vector's length, so that the vector 0 has a direction: 0.
inline constexpr double kTinySquare = 1e-24;

struct TextClassifierOptions {
  BertOptions bert = {};
  int64_t outputs = 2;  // classes, or 1 for a regression; at least 1
  Pooling pooling = Pooling::mean;
  bool centred = false;  // with Pooling::layers: a centre is subtracted from the vectors
};

// ids [B, T] (int64, bert.h) -> [B, outputs]: states of the encoder, one vector per text, linear.
struct TextClassifierImpl : torch::nn::Module {
  explicit TextClassifierImpl(const TextClassifierOptions& options);
  torch::Tensor forward(const torch::Tensor& ids);
  // The vectors of pooling.h, and what the linear layer makes of them, less the centre: forward() in two halves.
  torch::Tensor vectors(const torch::Tensor& ids);
  torch::Tensor scores(const torch::Tensor& vectors);
  // vectors() in two halves: what embedding and the first `layers` layers make of a text, [B, width, c + T], and what
  // the others make of that. The first c = layers + 1 columns are means that Pooling::layers needs, none with another
  // pooling; the others are states of tokens, and 0 for padding.
  torch::Tensor states_below(const torch::Tensor& ids, int64_t layers);
  torch::Tensor vectors_above(const torch::Tensor& below, int64_t layers);

  Pooling pooling;
  Bert bert{nullptr};
  torch::nn::Linear classifier{nullptr};
  // [width of the vectors], 0 at first; a buffer, not defined unless options.centred. Vectors of texts have much in
  // common: their mean fills most of a record's gradient, so that clipping leaves little of what tells texts apart.
  torch::Tensor centre;

 private:
  torch::Tensor vectors_from(int64_t layer, const torch::Tensor& states, const torch::Tensor& tokens,
                             std::vector<torch::Tensor> means);
};
TORCH_MODULE(TextClassifier);

// The bias with which the classifier gives the same scores without a centre.
torch::Tensor bias_without_centre(const TextClassifierImpl& model);
// Gives the classifier this bias, and the centre 0.
void fold_centre(TextClassifierImpl& model);

// Copies a published encoder into that of the model; throws as load_published() (state.h).
void load_encoder(const std::filesystem::path& weights, TextClassifierImpl& model);
// The same of tensors that were read; `source` names them in messages.
void load_encoder(const std::string& source, const std::vector<NamedTensor>& stored, TextClassifierImpl& model);

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

struct AdaptationOptions {
  LoraOptions lora = {};  // for Adaptation::lora
  // The layers of the encoder that are adapted, counted from its end, at least 1; those below and the embedding stay
  // frozen. All, and the embedding, unless given.
  std::optional<int64_t> layers = {};
};

// Freezes and thaws the model's parameters accordingly. The factors for `lora`, whose apply() belongs in front of every
// forward pass; otherwise nothing. Once for a model. Throws UsageError for layers out of range, and for targets of LoRA
// that match no layer, or only frozen ones.
std::unique_ptr<Lora> adapt(TextClassifierImpl& model, Adaptation adaptation, const AdaptationOptions& options = {});

}  // namespace sotto::models

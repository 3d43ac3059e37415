#pragma once
// Adapters of low rank in the layout of PEFT, the Python library of Hugging Face: a folder of
//
//   adapter_config.json        settings, peft_config.h
//   adapter_model.safetensors  base_model.model.encoder.layer.0.attention.self.query.lora_A.weight [rank, d],
//                              ....lora_B.weight [p, rank], ... of every adapted layer of the encoder
//   classifier.safetensors     weight [outputs, width] and bias [outputs], with the centre, where there is one, in it;
//                              metadata "pooling": "mean", "layers" or "first"
//   README.md                  how the logits come of them in Python
//
// Why the head is a file of its own: PEFT has a place for one (task SEQ_CLS, modules_to_save), but that is the head of
// transformers' BertForSequenceClassification, which goes through the pooler, a further layer with a tanh. A
// TextClassifier has no pooler. Its head in that place would load in Python without a complaint and give other logits.
// So the adapter is one of the encoder alone (task FEATURE_EXTRACTION), which PEFT applies to the same BertModel, and
// the head cannot be mistaken. The names of layers are written in full, since "dense" would reach the pooler too.

#include <sotto/models/lora.h>
#include <sotto/models/text_classifier.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace sotto::models {

// Writes factors and head of a model that `lora` adapts, in the element type that they have. `base_model` names what
// Python loads the rest of the encoder from, a folder or the name of a published model: the weights of the encoder must
// still be those. The folder must be new and appears whole or not at all. Throws UsageError when there is something
// under its name; for a base_model that is empty, longer than 4,096 bytes, not UTF-8 or with control characters; after
// merge(), whose weights a second addition would spoil; for a layer of `lora` that is not one of the model's encoder;
// and for another parameter of the encoder that is trained, since it would be missing. IoError when it cannot be
// written.
void write_peft_adapter(const std::filesystem::path& folder, const TextClassifierImpl& model, const Lora& lora,
                        const std::string& base_model);
// The same files into a folder that is there, for a caller who adds others before it appears under its name. `more`
// goes into the metadata of the head's file and, a line each, into README.md.
void write_peft_files(const std::filesystem::path& folder, const TextClassifierImpl& model, const Lora& lora,
                      const std::string& base_model, const Metadata& more = {});

struct PeftAdapter {
  std::unique_ptr<Lora> lora;  // its apply() belongs in front of every forward pass
  std::string base_model;      // as the folder has it; nothing is looked up
};

// Adapts the model, whose encoder has the weights of the base model, and fills factors and head; floating-point values
// of any type are converted. Which parameters are trained changes as in Lora's constructor. Folders that PEFT itself
// wrote are read too, once they have a classifier.safetensors. Throws DataError naming the file: a setting that is not
// done here (peft_config.h), a rank above the size of a layer, a name that stands for no linear layer of the encoder,
// tensors that are missing, left over or of another shape, another pooling than the model's; UsageError for a layer
// that is adapted already. Then nothing was changed.
PeftAdapter read_peft_adapter(const std::filesystem::path& folder, TextClassifierImpl& model);
// The factors alone: a folder without classifier.safetensors will do, and the model's head stays as it is.
PeftAdapter read_peft_factors(const std::filesystem::path& folder, TextClassifierImpl& model);

// What a model needs that takes the head of a folder.
struct PeftHead {
  int64_t outputs;
  Pooling pooling;
};
// Nothing when the folder has no classifier.safetensors. Throws DataError for one whose weight is no matrix or whose
// metadata name no pooling of such folders.
std::optional<PeftHead> read_peft_head(const std::filesystem::path& folder);

}  // namespace sotto::models

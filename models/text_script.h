#pragma once
// Networks of texts as TorchScript modules, for programs that know nothing of sotto: torch.jit.load(FILE) in Python,
// torch::jit::load() in C++, and script_model.h, which takes it for private training again.
//
//   forward(ids)  ids [B, T] (int64) -> scores [B, outputs]
//
// Shorter texts of a batch are padded with the network's id of padding, as in pooling.h: nothing but the ids is needed.
// A published encoder and its weights have the names that they have in a Hugging Face model. The code is a page long;
// it is generated here, from the sizes alone.

#include <sotto/models/encoder.h>
#include <sotto/models/lstm.h>
#include <sotto/models/text_classifier.h>
#include <torch/csrc/jit/api/module.h>

namespace sotto::models {

// Each holds the weights of `model` themselves, not copies; which of them require grad is kept. In evaluation mode,
// which computes what training mode does. Throws UsageError when factors of low rank are not merged or the centre is
// not folded into the head, which have no place there, and for a model that has no id of padding.
torch::jit::Module text_script(const TextClassifierImpl& model);
torch::jit::Module text_script(const MeanOfWordsImpl& model);
torch::jit::Module text_script(const LstmClassifierImpl& model);

}  // namespace sotto::models

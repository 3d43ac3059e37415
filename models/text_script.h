#pragma once
// A TextClassifier as a TorchScript module, for programs that know nothing of sotto: torch.jit.load(FILE) in Python,
// torch::jit::load() in C++, and script_model.h, which takes it for private training again.
//
//   forward(ids)  ids [B, T] (int64) -> scores [B, outputs]
//
// Shorter texts of a batch are padded with the id of BertOptions::padding, as in pooling.h: nothing but the ids is
// needed. Classes and weights have the names that they have in a Hugging Face model, and the code is a page long; it is
// generated here, from the sizes alone.

#include <sotto/models/text_classifier.h>
#include <torch/csrc/jit/api/module.h>

namespace sotto::models {

// Holds the weights of `model` themselves, not copies; which of them require grad is kept. In evaluation mode, which
// computes what training mode does. Throws UsageError when factors of low rank are not merged or the centre is not
// folded into the head: they have no place there.
torch::jit::Module text_script(const TextClassifierImpl& model);

}  // namespace sotto::models

#pragma once
// `sotto import`: weights of other programs as the folder of a published model.

#include <sotto/tools/training_job.h>

namespace sotto::tools {

// Makes a folder with config.json, tokenizer and model.safetensors, which `sotto train text --model` takes, of
//   a folder              an adapter (models/peft_adapter.h), merged into the weights of its base; with its head, where
//                         it has one, under the names that `sotto export --to safetensors` gives
//   *.safetensors         an encoder under the names of models/bert.h; LayerNorm.gamma and .beta, as older files have
//                         them, are .weight and .bias
//   *.ts, *.pt            the same, the parameters of a TorchScript module; its code is not used
// Licence files come from the base, or from beside the file; the certificate from what is imported (for TorchScript
// from inside, or else from beside the file), and that of a base as base-certificate.json. The folder appears whole or
// not at all. Throws UsageError for an output that exists; DataError that lists what is missing, left over or of
// another shape; IoError.
void import_model(const TrainingJob& job);

}  // namespace sotto::tools

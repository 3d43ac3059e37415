#pragma once
// `sotto export RUN`: the model of a run as a folder that other programs load.

#include <sotto/tools/training_job.h>

namespace sotto::tools {

// Of a run of texts with a published encoder:
//   peft         factors of low rank and head, models/peft_adapter.h
//   safetensors  config.json, tokenizer and model.safetensors of the whole model, with factors of low rank merged, and
//                README.md with the Python to use it (models/python_readme.h)
//   torchscript  config.json, tokenizer and model.ts of the whole model (models/text_script.h), with what was trained
//                marked as trainable; beside its code certificate.json or NOT_PRIVATE.txt, and metadata.json
// Of a run of a TorchScript file: torchscript, which copies model.ts.
// The certificate of the run, where it has one, lies in the folder, and so does the licence of the encoder; where a
// README.md is written, the encoder's is base-README.md. The folder appears whole or not at all. Throws UsageError for
// a run that has no such model, or an output that exists; DataError, IoError.
void export_run(const TrainingJob& job);

}  // namespace sotto::tools

#pragma once
// `sotto export RUN`: the model of a run of texts as a folder that other programs load.

#include <sotto/tools/training_job.h>

namespace sotto::tools {

// peft         factors of low rank and head, models/peft_adapter.h
// safetensors  config.json, tokenizer and model.safetensors of the whole model, with factors of low rank merged: names
//              bert.NAME of the encoder, classifier.weight and classifier.bias of the head
// The folder appears whole or not at all; the certificate of the run, where it has one, lies in it, with peft written
// as the last file and behind that moment. Throws UsageError for a run that has no such model, or an output that
// exists; DataError, IoError.
void export_run(const TrainingJob& job);

}  // namespace sotto::tools

#pragma once
// --lora-rank, --lora-alpha and --lora-targets.

#include <sotto/models/lora_factors.h>
#include <sotto/tools/train_options.h>

namespace sotto::tools {

// What is not given is that of LoraOptions.
models::LoraOptions lora_options(const TrainOptions& options);
// The options with those three said, where the model is adapted by lora.
TrainOptions with_lora(TrainOptions options);

}  // namespace sotto::tools

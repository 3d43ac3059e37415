#pragma once
// A model in a TorchScript file, as torch.jit.script(model).save(FILE) writes it in Python. TorchScript is deprecated
// upstream: callers hold a TrainableModel, so that a reader of another format can take this one's place.
//
// The model runs as written: no graph optimisation, no fusion, no profiling, so that every operator can be followed.
// Each part stays in the mode in which it was exported (torch.nn.Module.train() or eval()). Parameters that share their
// memory are one parameter.

#include <sotto/models/lora_factors.h>
#include <sotto/models/trainable_model.h>

#include <memory>
#include <optional>
#include <string>

namespace sotto::models {

// `bytes` as read_model_file() (script_file.h) returns them; `name` is for messages. Throws DataError when they are not
// TorchScript, need an operator or a class that is not there, have no trainable parameter or no forward method of one
// tensor, or hold what private training cannot follow: fork and wait, tolist() and print() of tensors, calls through
// interfaces, tensors that share a part of their memory, tensors that are not dense.
//
// forward() throws DataError when the model has changed an attribute of its own (a counter, a list): what a batch
// leaves behind reaches the next one without noise. What changes inside a tensor is the recorder's to see.
//
// With `lora` linear layers are adapted (script_lora.h): their weights are constants, the factors are trained beside
// whatever else the file leaves trainable, state() holds both, and write_file() writes the sum in their place. Throws
// UsageError for options that do not fit the layers.
std::unique_ptr<TrainableModel> load_script_model(const std::string& bytes, const std::string& name,
                                                  const std::optional<LoraOptions>& lora = std::nullopt);

}  // namespace sotto::models

#pragma once
// The TorchScript files of tests/models/exported, and the names of tensors.

#include <sotto/models/script_file.h>
#include <sotto/models/script_model.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sotto::models::testing {

inline std::string path_of(const std::string& name) {
  return std::string(SOTTO_EXPORTED) + "/" + name + ".ts";
}

inline std::unique_ptr<TrainableModel> exported(const std::string& name,
                                                const std::optional<LoraOptions>& lora = std::nullopt) {
  return load_script_model(read_model_file(path_of(name)), name, lora);
}

inline std::vector<std::string> names(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> result;
  for (const NamedTensor& named : tensors) result.push_back(named.name);
  return result;
}

}  // namespace sotto::models::testing

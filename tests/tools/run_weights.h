#pragma once
// The weights of a run, to be compared with those of another one.

#include <sotto/models/safetensors.h>

#include <cstring>
#include <string>
#include <vector>

namespace sotto::tools::testing {

// All of them, in the order of the file.
inline std::vector<float> run_weights(const std::string& run) {
  std::vector<float> result;
  const auto file = models::SafetensorsFile::read(run + "/model.safetensors");
  for (const auto& view : file.tensors()) {
    const size_t before = result.size();
    result.resize(before + view.bytes.size() / sizeof(float));
    std::memcpy(result.data() + before, view.bytes.data(), view.bytes.size());
  }
  return result;
}

}  // namespace sotto::tools::testing

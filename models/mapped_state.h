#pragma once
// The tensors of a safetensors file without a copy.

#include <sotto/models/state.h>

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace sotto::models {

at::ScalarType scalar_type(Dtype dtype);

// A tensor over the bytes of `stored`, which `memory` keeps, and the tensor keeps `memory`. Bytes that are not aligned
// for their type are copied.
at::Tensor tensor_over(const TensorView& stored, const std::shared_ptr<std::byte>& memory);

struct MappedState {
  std::vector<NamedTensor> tensors;  // by name, on the CPU
  Metadata metadata;
};

// Maps a file and returns its tensors; each keeps the mapping. Nothing is read before it is used, and processes that
// map the same file share its memory. Writing to a tensor changes this process alone. Values are those of the file at
// the time of their use, and a file that is cut ends the process: for files that nobody writes in place, as the weights
// of a published network that is frozen (file_bytes.h says more). Throws as SafetensorsFile::map().
MappedState map_state(const std::filesystem::path& path);

}  // namespace sotto::models

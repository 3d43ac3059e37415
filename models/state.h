#pragma once
// Saving and loading the tensors of a model as a safetensors file.

#include <ATen/core/Tensor.h>
#include <sotto/models/safetensors.h>

#include <filesystem>
#include <string>
#include <vector>

namespace sotto::models {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

// Whether the tensor is dense and of an element type that the format here knows.
bool can_save(const at::Tensor& tensor);

// Writes the values of the tensors, wherever they live, in the order and with the errors of write_safetensors. Throws
// UsageError for an undefined or sparse tensor, or an element type that the format here does not know.
void save_state(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                const Metadata& metadata = {}, const privacy::BeforeRename& before_rename = {});

// The tensors of a file, by name, in memory that was read. Throws as SafetensorsFile::read().
std::vector<NamedTensor> read_state(const std::filesystem::path& path);
// The same of a file that was read.
std::vector<NamedTensor> tensors_of(const SafetensorsFile& file);

// Copies the values of a file into the tensors and returns its metadata. They are copied out of memory that was read
// and not out of a mapping: a file that is changed or cut meanwhile gives an error or what was checked, and never ends
// the process with a ledger open (mapped_state.h has tensors without a copy). The file must hold these names and no
// other, each with the same element type and shape; otherwise DataError lists what is wrong, and no tensor was changed.
Metadata load_state(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors);

// The file of a published network: a part of it is the model here.
struct PublishedNames {
  std::string prefix;                  // that every name of the part may begin with: "bert."
  std::vector<std::string> left_over;  // what the names of other parts begin with: "pooler."
};

// Copies the values of a published file into the tensors, floating-point values of any type into floating-point
// tensors, and returns the names of the tensors that were left over, sorted. The file must hold every name, of the same
// shape, and besides only what PublishedNames says; otherwise DataError lists what is wrong, and no tensor was changed.
std::vector<std::string> load_published(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                                        const PublishedNames& names);
// The same for tensors that were read from another kind of file; `source` names it in messages.
std::vector<std::string> load_published(const std::string& source, const std::vector<NamedTensor>& stored,
                                        const std::vector<NamedTensor>& tensors, const PublishedNames& names);

}  // namespace sotto::models

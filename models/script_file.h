#pragma once
// TorchScript files: their bytes, the module in them, and writing one.

#include <torch/csrc/jit/api/module.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sotto::models {

// The bytes of a model file, up to 16 GiB. Throws DataError, which begins with `flag`, when it is missing, empty, too
// large or no regular file.
std::string read_model_file(const std::filesystem::path& path, const char* flag = "--model");

// `bytes` as read_model_file() returns them; `name` is for messages. On the processor. Throws DataError when they are
// no TorchScript, which says what they are where that can be told, or need an operator or a class that is not in this
// LibTorch.
torch::jit::Module load_script(const std::string& bytes, const std::string& name, const char* flag = "--model");

// Of `names`, the texts that write_script() put into `bytes`, which load_script() takes; `name` is for messages. Throws
// DataError for one that has more than `most` bytes, which is not read.
std::map<std::string, std::string> script_texts(const std::string& bytes, const std::string& name,
                                                const std::vector<std::string>& names, std::size_t most,
                                                const char* flag = "--model");

// Writes the module, and beside its code texts under names, which Python reads with
// torch.jit.load(FILE, _extra_files={NAME: ""}). The file appears whole or not at all. Throws IoError.
void write_script(const std::filesystem::path& file, const torch::jit::Module& module,
                  const std::map<std::string, std::string>& texts = {});

}  // namespace sotto::models

#include <caffe2/serialize/inline_container.h>
#include <fmt/format.h>
#include <sotto/models/script_file.h>
#include <sotto/optim/libtorch_message.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/jit/serialization/import.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

namespace sotto::models {
namespace {

constexpr std::uintmax_t kMaxModelBytes = std::uintmax_t{1} << 34;
constexpr const char* kExportHint =
    "export it in Python with torch.jit.script(model).save(FILE), or torch.jit.trace(model, input).save(FILE)";

[[noreturn]] void refuse(const char* flag, const std::string& name, const std::string& what) {
  throw DataError(fmt::format("[{}] {}: {}", flag, name, what));
}

// What torch.save() writes: a pickle in a zip file without code, or, as it was long ago, a bare pickle.
bool is_saved_without_code(const std::string& bytes) {
  constexpr const char* kPickleProtocol2 = "\x80\x02";  // PEP 307
  if (bytes.starts_with(kPickleProtocol2)) return true;
  std::istringstream stream(bytes);
  try {
    caffe2::serialize::PyTorchStreamReader reader(&stream);
    return reader.hasRecord("data.pkl") && !reader.hasRecord("constants.pkl");
  } catch (const std::exception&) {
    return false;
  }
}

// LibTorch's parser calls itself for every bracket.
void check_nesting(const std::string& bytes, const std::string& name, const char* flag) {
  constexpr int kDeepest = 1000;
  try {
    std::istringstream stream(bytes);
    caffe2::serialize::PyTorchStreamReader reader(&stream);
    for (const std::string& record : reader.getAllRecords()) {
      if (!record.starts_with("code/") || !record.ends_with(".py")) continue;
      const auto [data, size] = reader.getRecord(record);
      int depth = 0;
      for (const char c : std::string_view(static_cast<const char*>(data.get()), size)) {
        depth += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
        if (depth > kDeepest)
          refuse(flag, name,
                 fmt::format("nests brackets more than {} deep in its code; save it again from Python", kDeepest));
      }
    }
  } catch (const c10::Error&) {
    return;  // no zip file: told when it is loaded
  }
}

}  // namespace

std::string read_model_file(const std::filesystem::path& path, const char* flag) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    refuse(flag, path.string(), std::filesystem::exists(path, error) ? "is no regular file" : "there is no such file");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) refuse(flag, path.string(), fmt::format("cannot be read: {}", error.message()));
  if (size == 0 || size > kMaxModelBytes)
    refuse(flag, path.string(), fmt::format("holds {} bytes; a TorchScript file has 1 to {}", size, kMaxModelBytes));
  std::string bytes(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size)))
    refuse(flag, path.string(), "cannot be read; check its permissions");
  return bytes;
}

torch::jit::Module load_script(const std::string& bytes, const std::string& name, const char* flag) {
  check_nesting(bytes, name, flag);
  std::istringstream stream(bytes);
  try {
    return torch::jit::load(stream, c10::Device(c10::kCPU));
  } catch (const std::exception& error) {  // c10::Error, or the ErrorReport of the compiler
    if (is_saved_without_code(bytes))
      refuse(flag, name,
             fmt::format("not a TorchScript file, but weights or a pickled module as torch.save() writes them, "
                         "without the code; make the module in Python, load them, and {}",
                         kExportHint));
    const std::string why = optim::libtorch_message(error);
    for (const char* missing :
         {"Unknown builtin op", "Unknown type name", "Unknown custom class", "class for", "Could not find schema"})
      if (why.find(missing) != std::string::npos)
        refuse(flag, name, fmt::format("needs an operator or a class that is not in this LibTorch ({})", why));
    refuse(flag, name, fmt::format("not a TorchScript file ({}); {}", why, kExportHint));
  }
}

std::map<std::string, std::string> script_texts(const std::string& bytes, const std::string& name,
                                                const std::vector<std::string>& names, std::size_t most,
                                                const char* flag) {
  std::istringstream stream(bytes);
  std::optional<caffe2::serialize::PyTorchStreamReader> reader;
  try {
    reader.emplace(&stream);
  } catch (const c10::Error&) {
    return {};  // no zip file: told when it is loaded
  }
  std::map<std::string, std::string> result;
  for (const std::string& inside : names) {
    const std::string record = "extra/" + inside;
    if (!reader->hasRecord(record)) continue;
    try {
      if (reader->getRecordSize(record) > most)
        refuse(flag, name, fmt::format("{} in it is longer than {} bytes", inside, most));
      const auto [data, size] = reader->getRecord(record);
      result[inside] = std::string(static_cast<const char*>(data.get()), size);
    } catch (const c10::Error& error) {
      refuse(flag, name, fmt::format("{} in it cannot be read: {}", inside, optim::libtorch_message(error)));
    }
  }
  return result;
}

void write_script(const std::filesystem::path& file, const torch::jit::Module& module,
                  const std::map<std::string, std::string>& texts) {
  std::ostringstream stream;
  module.save(stream, {texts.begin(), texts.end()});
  privacy::write_file_atomically(file, stream.view());
}

}  // namespace sotto::models

#include <fmt/format.h>
#include <sotto/models/file_bytes.h>
#include <sotto/models/safetensors.h>
#include <sotto/models/safetensors_header.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sotto::models {
namespace {

constexpr const char* kHere = "read_safetensors";

std::string too_short(std::uint64_t bytes) {
  return fmt::format("{} bytes; a safetensors file starts with {} bytes of length", bytes, kSafetensorsLengthBytes);
}

struct Opened {
  FileBytes bytes;
  Header header;
  std::uint64_t data_begin = 0;
  std::uint64_t data_bytes() const { return bytes.size() - data_begin; }

  explicit Opened(const std::filesystem::path& path) : bytes(kHere, path) {
    if (bytes.size() < kSafetensorsLengthBytes) bytes.refuse(too_short(bytes.size()));
    std::array<std::byte, kSafetensorsLengthBytes> beginning{};
    bytes.read(0, beginning);
    try {
      std::string text(header_length(beginning, bytes.size()), '\0');
      bytes.read(kSafetensorsLengthBytes, std::as_writable_bytes(std::span(text)));
      data_begin = kSafetensorsLengthBytes + text.size();
      header = parse_header(text, data_bytes());
    } catch (const DataError& error) {
      throw DataError(fmt::format("{} (in {})", error.what(), path.string()));
    }
  }
};

}  // namespace

SafetensorsFile::SafetensorsFile(Header header, std::shared_ptr<std::byte> memory, const std::byte* data)
    : memory_(std::move(memory)), metadata_(std::move(header.metadata)) {
  for (HeaderEntry& entry : header.entries)
    tensors_.push_back({std::move(entry.name),
                        entry.dtype,
                        std::move(entry.shape),
                        {data + entry.begin, static_cast<std::size_t>(entry.end - entry.begin)}});
  std::sort(tensors_.begin(), tensors_.end(), [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
}

SafetensorsFile SafetensorsFile::read(const std::filesystem::path& path) {
  const Opened file(path);  // refuses what is no such file before memory is taken for it
  const std::uint64_t size = file.bytes.size();
  const std::shared_ptr<std::byte> memory(new std::byte[size], std::default_delete<std::byte[]>());
  file.bytes.read(0, {memory.get(), size});
  try {
    SafetensorsFile result = view({memory.get(), size});
    result.memory_ = memory;
    result.bytes_ = {memory.get(), size};
    return result;
  } catch (const DataError& error) {
    throw DataError(fmt::format("{} (in {}, which changed meanwhile)", error.what(), path.string()));
  }
}

SafetensorsFile SafetensorsFile::map(const std::filesystem::path& path) {
  Opened file(path);
  const std::shared_ptr<std::byte> memory = file.bytes.map();
  return {std::move(file.header), memory, memory.get() + file.data_begin};
}

SafetensorsFile SafetensorsFile::view(std::span<const std::byte> file) {
  if (file.size() < kSafetensorsLengthBytes) throw DataError(fmt::format("[{}] {}", kHere, too_short(file.size())));
  const std::uint64_t length = header_length(file.first<kSafetensorsLengthBytes>(), file.size());
  const auto text = file.subspan(kSafetensorsLengthBytes, length),
             data = file.subspan(kSafetensorsLengthBytes + length);
  return {parse_header({reinterpret_cast<const char*>(text.data()), text.size()}, data.size()), nullptr, data.data()};
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                      [](const TensorView& tensor, std::string_view key) { return tensor.name < key; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

}  // namespace sotto::models

#include <fmt/format.h>
#include <sotto/models/safetensors.h>
#include <sotto/models/safetensors_header.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>
#include <utility>

namespace sotto::models {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian, and read as they are");

constexpr std::uint64_t kLengthBytes = 8;

void check_tensor(const TensorView& tensor, std::set<std::string_view>& names) {
  const auto refuse = [&tensor](const std::string& what) {
    throw UsageError(fmt::format("[write_safetensors] tensor '{}': {}", tensor.name, what));
  };
  if (tensor.name.empty() || tensor.name == "__metadata__") refuse("this name is not allowed");
  if (!names.insert(tensor.name).second) refuse("the name is used twice");
  for (const std::int64_t size : tensor.shape)
    if (size < 0) refuse(fmt::format("size {} is negative", size));
  if (tensor_bytes(tensor.dtype, tensor.shape, std::numeric_limits<std::uint64_t>::max() - 1) != tensor.bytes.size())
    refuse(fmt::format("its {} bytes do not match its shape and type", tensor.bytes.size()));
}

class FileReader {
 public:
  explicit FileReader(const std::filesystem::path& path) : path_(path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (std::filesystem::is_directory(status)) refuse("is a folder; a file is needed");
    if (!std::filesystem::exists(status)) refuse("there is no such file");
    if (!std::filesystem::is_regular_file(status)) refuse("is not a regular file");
    size_ = std::filesystem::file_size(path, error);
    stream_.open(path, std::ios::binary);
    if (error || !stream_) refuse(fmt::format("cannot open the file: {}", std::strerror(errno)));
  }

  std::uint64_t size() const { return size_; }

  void read(void* to, std::uint64_t bytes) {
    stream_.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    if (!stream_) throw IoError(fmt::format("[read_safetensors] cannot read {} to its end", path_.string()));
  }

  const std::filesystem::path& path() const { return path_; }

  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError(fmt::format("[read_safetensors] {}: {}", path_.string(), what));
  }

 private:
  std::filesystem::path path_;
  std::ifstream stream_;
  std::uint64_t size_ = 0;
};

Header read_header(FileReader& file) {
  if (file.size() < kLengthBytes)
    file.refuse(fmt::format("{} bytes; a safetensors file starts with {} bytes of length", file.size(), kLengthBytes));
  std::uint64_t header_bytes = 0;
  file.read(&header_bytes, kLengthBytes);
  if (header_bytes > kMaxSafetensorsHeaderBytes)
    file.refuse(fmt::format("a header of {} bytes; at most {} are allowed", header_bytes, kMaxSafetensorsHeaderBytes));
  if (header_bytes > file.size() - kLengthBytes)
    file.refuse(fmt::format("cut short: a header of {} bytes in a file of {}", header_bytes, file.size()));
  std::string text(header_bytes, '\0');
  file.read(text.data(), header_bytes);
  try {
    return parse_header(text, file.size() - kLengthBytes - header_bytes);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{} (in {})", error.what(), file.path().string()));
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const Metadata& metadata) {
  std::set<std::string_view> names;
  std::vector<const TensorView*> ordered;
  for (const TensorView& tensor : tensors) {
    check_tensor(tensor, names);
    ordered.push_back(&tensor);
  }
  std::sort(ordered.begin(), ordered.end(), [](const TensorView* a, const TensorView* b) {
    const std::size_t bytes_a = element_bytes(a->dtype);
    const std::size_t bytes_b = element_bytes(b->dtype);
    return bytes_a != bytes_b ? bytes_a > bytes_b : a->name < b->name;
  });

  Header header;
  header.metadata = metadata;
  std::uint64_t offset = 0;
  for (const TensorView* tensor : ordered) {
    header.entries.push_back({tensor->name, tensor->dtype, tensor->shape, offset, offset + tensor->bytes.size()});
    offset += tensor->bytes.size();
  }
  const std::string text = format_header(header);
  if (text.size() > kMaxSafetensorsHeaderBytes)
    throw UsageError(fmt::format("[write_safetensors] a header of {} bytes; at most {} are allowed", text.size(),
                                 kMaxSafetensorsHeaderBytes));
  const auto length = std::bit_cast<std::array<char, kLengthBytes>>(static_cast<std::uint64_t>(text.size()));

  std::vector<std::string_view> pieces = {{length.data(), length.size()}, text};
  for (const TensorView* tensor : ordered)
    pieces.emplace_back(reinterpret_cast<const char*>(tensor->bytes.data()), tensor->bytes.size());
  privacy::write_file_atomically(path, pieces);
}

SafetensorsFile SafetensorsFile::read(const std::filesystem::path& path) {
  FileReader reader(path);
  Header header = read_header(reader);
  const std::uint64_t data_bytes = header.entries.empty() ? 0 : header.entries.back().end;

  SafetensorsFile file;
  file.data_ = std::make_unique_for_overwrite<std::byte[]>(data_bytes);
  reader.read(file.data_.get(), data_bytes);
  file.metadata_ = std::move(header.metadata);
  for (HeaderEntry& entry : header.entries)
    file.tensors_.push_back({std::move(entry.name),
                             entry.dtype,
                             std::move(entry.shape),
                             {file.data_.get() + entry.begin, entry.end - entry.begin}});
  std::sort(file.tensors_.begin(), file.tensors_.end(),
            [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
  return file;
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                      [](const TensorView& tensor, std::string_view key) { return tensor.name < key; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

}  // namespace sotto::models

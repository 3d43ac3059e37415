#include <fmt/format.h>
#include <sotto/models/safetensors.h>
#include <sotto/models/safetensors_header.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <set>

namespace sotto::models {
namespace {

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

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors, const Metadata& metadata,
                       const privacy::BeforeRename& before_rename) {
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
  const auto length = std::bit_cast<std::array<char, kSafetensorsLengthBytes>>(static_cast<std::uint64_t>(text.size()));

  std::vector<std::string_view> pieces = {{length.data(), length.size()}, text};
  for (const TensorView* tensor : ordered)
    pieces.emplace_back(reinterpret_cast<const char*>(tensor->bytes.data()), tensor->bytes.size());
  privacy::write_file_atomically(path, pieces, before_rename);
}

}  // namespace sotto::models

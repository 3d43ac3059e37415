#include "safetensors_input.h"

#include <sotto/models/safetensors.h>
#include <sotto/models/safetensors_header.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace sotto::models::testing {
namespace {

void check(bool promise) {
  if (!promise) std::abort();
}

// As wide as it takes: bytes that a shape asks for, as far as they can be in a file.
bool is_as_long_as_its_shape(const TensorView& tensor) {
  if (std::ranges::any_of(tensor.shape, [](std::int64_t size) { return size == 0; })) return tensor.bytes.empty();
  __extension__ unsigned __int128 bytes = element_bytes(tensor.dtype);
  for (const std::int64_t size : tensor.shape) {
    bytes *= static_cast<std::uint64_t>(size);
    if (bytes > tensor.bytes.size()) return false;
  }
  return bytes == tensor.bytes.size();
}

// Places of the tensors among the data, which they fill from first to last.
Header layout(const SafetensorsFile& file, std::span<const std::uint8_t> bytes) {
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  Header header;
  header.metadata = file.metadata();
  for (const TensorView& tensor : file.tensors()) {
    const auto at = static_cast<std::uint64_t>(tensor.bytes.data() - begin);
    header.entries.push_back({tensor.name, tensor.dtype, tensor.shape, at, at + tensor.bytes.size()});
  }
  std::ranges::sort(header.entries, {}, [](const HeaderEntry& entry) { return std::pair(entry.begin, entry.end); });
  std::uint64_t covered = 0;
  for (std::size_t i = 0; i < header.entries.size(); ++i) {
    HeaderEntry& entry = header.entries[i];
    if (i == 0) covered = entry.begin;
    check(entry.begin == covered && entry.end >= entry.begin);
    covered = entry.end;
  }
  check(header.entries.empty() || covered == bytes.size());
  const std::uint64_t data = header.entries.empty() ? 0 : header.entries.front().begin;
  for (HeaderEntry& entry : header.entries) {
    entry.begin -= data;
    entry.end -= data;
  }
  return header;
}

// Nothing when the bytes are refused.
std::optional<SafetensorsFile> accepted(std::span<const std::uint8_t> bytes) {
  try {
    return SafetensorsFile::view(std::as_bytes(bytes));
  } catch (const DataError&) {
    return std::nullopt;
  }
}

bool same(const HeaderEntry& a, const HeaderEntry& b) {
  return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && a.begin == b.begin && a.end == b.end;
}

void check_that_it_comes_back(const Header& header) {
  const std::uint64_t data_bytes = header.entries.empty() ? 0 : header.entries.back().end;
  const std::string text = format_header(header);
  check(text.size() % 8 == 0);
  Header again = parse_header(text, data_bytes);
  const auto by_place = [](const HeaderEntry& entry) { return std::tie(entry.begin, entry.end, entry.name); };
  std::vector<HeaderEntry> entries = header.entries;
  std::ranges::sort(entries, {}, by_place);
  check(again.metadata == header.metadata && std::ranges::equal(again.entries, entries, same));
}

}  // namespace

void take_safetensors_input(std::span<const std::uint8_t> bytes) {
  const std::optional<SafetensorsFile> file = accepted(bytes);
  if (!file) return;
  for (std::size_t i = 0; i < file->tensors().size(); ++i) {
    const TensorView& tensor = file->tensors()[i];
    check(!tensor.name.empty() && tensor.name != "__metadata__");
    check(i == 0 || file->tensors()[i - 1].name < tensor.name);
    check(std::ranges::all_of(tensor.shape, [](std::int64_t size) { return size >= 0; }));
    check(is_as_long_as_its_shape(tensor));
    check(file->find(tensor.name) == &tensor);
    std::size_t sum = 0;  // all of its bytes can be read
    for (const std::byte byte : tensor.bytes) sum += std::to_integer<std::size_t>(byte);
    check(sum <= 255 * tensor.bytes.size());
  }
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  // Nothing may stand behind the object but blanks: another reader could take it for something.
  const auto header = bytes.subspan(sizeof header_bytes, header_bytes);
  const auto end = std::ranges::find(header.rbegin(), header.rend(), '}');
  check(std::all_of(header.rbegin(), end, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }));
  check_that_it_comes_back(layout(*file, bytes));
}

}  // namespace sotto::models::testing

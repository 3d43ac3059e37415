#include "idx_input.h"

#include <sotto/data/idx.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "../../support/fuzz_bytes.h"
#include "../../support/memory_file.h"
#include "../idx_bytes.h"

namespace sotto::data::testing {
namespace {

using sotto::testing::check;
using sotto::testing::MemoryFile;

constexpr std::size_t kLongestPart = 1 << 16;

bool is_gzip(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

// The bytes of a file with these sizes and elements, each of `width` bytes.
template <typename Value>
Bytes written(std::uint8_t type, const std::vector<std::int64_t>& sizes, const std::vector<Value>& values, int width) {
  Bytes bytes = idx_header({sizes.begin(), sizes.end()});
  bytes[2] = type;
  for (const Value value : values)
    for (int shift = 8 * (width - 1); shift >= 0; shift -= 8)
      bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(value) >> shift));
  return bytes;
}

template <typename File>
std::optional<File> accepted(std::span<const std::uint8_t> bytes,
                             File (*read)(const std::filesystem::path&, std::int64_t)) {
  static const MemoryFile file;
  try {
    return read(file.holding(bytes), kMaxIdxBytes);
  } catch (const DataError&) {
    return std::nullopt;
  }
}

template <typename File>
void check_sizes(const File& file) {
  check(!file.sizes.empty() && file.sizes.size() <= kMaxIdxDimensions);
  std::size_t product = 1;
  for (const std::int64_t size : file.sizes) {
    check(size > 0);
    product *= static_cast<std::size_t>(size);
  }
  check(file.values.size() == product);
}

// What the reader makes of the bytes, which it makes of them in a gzip file too where that is to be tried.
template <typename Read>
auto accepted_as_it_is(std::span<const std::uint8_t> bytes, bool packed, Read read) {
  auto result = accepted(bytes, read);
  if (packed && !is_gzip(bytes)) {
    const auto unpacked = accepted(gzipped({bytes.begin(), bytes.end()}), read);
    check(unpacked.has_value() == result.has_value());
    check(!result || (unpacked->sizes == result->sizes && unpacked->values == result->values));
  }
  if (result) check_sizes(*result);
  return result;
}

void take_bytes(std::span<const std::uint8_t> bytes, bool packed) {
  const auto read = accepted_as_it_is(bytes, packed, read_idx);
  if (!read) return;
  const Bytes again = written(0x08, read->sizes, read->values, 1);
  check(is_gzip(bytes) ? accepted(again, read_idx)->values == read->values : std::ranges::equal(again, bytes));
}

void take_integers(std::span<const std::uint8_t> bytes, bool packed) {
  const auto read = accepted_as_it_is(bytes, packed, read_idx_integers);
  if (!read) return;
  if (is_gzip(bytes))
    return check(accepted(written(0x0c, read->sizes, read->values, 4), read_idx_integers)->values == read->values);
  const int width = bytes[2] == 0x0c ? 4 : bytes[2] == 0x0b ? 2 : 1;
  check(std::ranges::equal(written(bytes[2], read->sizes, read->values, width), bytes));
}

void take_pictures(std::span<const std::uint8_t> pictures, std::span<const std::uint8_t> labels) {
  static const MemoryFile first, second;
  constexpr int kClasses = 3;
  LabelledImages read;
  try {
    read = read_labelled_images(first.holding(pictures), second.holding(labels), kClasses);
  } catch (const DataError&) {
    return;
  }
  const auto count = static_cast<std::size_t>(read.count);
  check(read.count > 0 && read.height > 0 && read.width > 0 && read.channels == 1 && read.classes == kClasses);
  check(read.labels.size() == count);
  check(read.pixels.size() == count * static_cast<std::size_t>(read.height) * static_cast<std::size_t>(read.width));
  check(std::ranges::all_of(read.labels, [](std::uint8_t label) { return label < kClasses; }));
  if (!is_gzip(labels)) check(std::ranges::equal(written(0x08, {read.count}, read.labels, 1), labels));
}

}  // namespace

void take_idx_input(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 3) return;
  const bool packed = bytes[0] >= 128;
  const std::size_t length = std::size_t{bytes[1]} << 8 | bytes[2];
  const unsigned kind = bytes[0] % 3;
  const auto rest = bytes.subspan(3).first(std::min(bytes.size() - 3, kLongestPart));
  if (kind == 0) return take_bytes(rest, packed);
  if (kind == 1) return take_integers(rest, packed);
  const std::size_t cut = std::min(length, rest.size());
  take_pictures(rest.first(cut), rest.subspan(cut));
}

}  // namespace sotto::data::testing

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/data/classes.h>
#include <sotto/data/idx.h>
#include <sotto/data/input_file.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace sotto::data {
namespace {

constexpr std::uint8_t kUnsignedByte = 0x08, kSignedByte = 0x09, kSixteenBits = 0x0B, kThirtyTwoBits = 0x0C;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw DataError(fmt::format("[read_idx] {}: {}", path.string(), what));
}

template <std::size_t N>
std::array<std::uint8_t, N> read_header_bytes(InputFile& file, const std::filesystem::path& path) {
  std::array<std::uint8_t, N> bytes{};
  const std::size_t got = file.read(bytes);
  if (got < N) refuse(path, "the file is cut short within its IDX header");
  return bytes;
}

// As in the file: elements of `type`, in the file's order of bytes.
struct Elements {
  std::uint8_t type = kUnsignedByte;
  IdxFile bytes;
};

std::int64_t element_bytes(std::uint8_t type) {
  return type == kThirtyTwoBits ? 4 : type == kSixteenBits ? 2 : 1;
}

std::vector<std::int64_t> read_sizes(InputFile& file, const std::filesystem::path& path, bool integers,
                                     std::uint8_t& type) {
  const auto magic = read_header_bytes<4>(file, path);
  if (magic[0] != 0 || magic[1] != 0)
    refuse(path, fmt::format("not an IDX file: starts with bytes {:#04x} {:#04x}; two zero bytes are needed", magic[0],
                             magic[1]));
  type = magic[2];
  const bool integer = type == kSignedByte || type == kSixteenBits || type == kThirtyTwoBits;
  if (type != kUnsignedByte && !(integers && integer))
    refuse(path, integers
                     ? fmt::format("element type {:#04x}; integers of 8, 16 or 32 bits are read", type)
                     : fmt::format("element type {:#04x}; only {:#04x}, unsigned byte, is read", type, kUnsignedByte));
  const int dimensions = magic[3];
  if (dimensions < 1 || dimensions > kMaxIdxDimensions)
    refuse(path, fmt::format("{} dimensions; 1 to {} are allowed", dimensions, kMaxIdxDimensions));

  std::vector<std::int64_t> sizes;
  for (int i = 0; i < dimensions; ++i) {
    const auto big_endian = read_header_bytes<4>(file, path);
    std::int64_t size = 0;
    for (const std::uint8_t byte : big_endian) size = size << 8 | byte;
    if (size == 0) refuse(path, fmt::format("dimension {} has size 0; sizes must be positive", i));
    sizes.push_back(size);
  }
  return sizes;
}

// Sizes are below 2^32 and the running product is kept at or below max_bytes, so a division tells overflow.
std::int64_t product(const std::vector<std::int64_t>& sizes, std::int64_t max_bytes,
                     const std::filesystem::path& path) {
  std::int64_t result = 1;
  for (const std::int64_t size : sizes) {
    if (result > max_bytes / size)
      refuse(path, fmt::format("the header declares sizes {}, more than the limit of {} bytes in all",
                               fmt::join(sizes, " x "), max_bytes));
    result *= size;
  }
  return result;
}

Elements read_elements(const std::filesystem::path& path, std::int64_t max_bytes, bool integers) {
  if (max_bytes < 1)
    throw UsageError(fmt::format("[read_idx] max_bytes out of range: {}; it must be positive", max_bytes));
  InputFile file(path);
  if (file.max_content_bytes() == 0) refuse(path, "the file is empty");
  Elements result;
  result.bytes.sizes = read_sizes(file, path, integers, result.type);
  const std::int64_t each = element_bytes(result.type);
  const auto bytes = static_cast<std::uint64_t>(product(result.bytes.sizes, max_bytes / each, path) * each);
  const std::string declared = fmt::format("{}", fmt::join(result.bytes.sizes, " x "));
  if (bytes > file.max_content_bytes())
    refuse(path,
           fmt::format("the file is cut short: it cannot hold the {} elements that its header declares", declared));
  result.bytes.values.resize(bytes);
  if (file.read(result.bytes.values) < bytes)
    refuse(path, fmt::format("the file is cut short: fewer than the {} elements that its header declares", declared));
  std::array<std::uint8_t, 1> beyond{};
  if (file.read(beyond) > 0)
    refuse(path, fmt::format("bytes follow the {} elements that the header declares", declared));
  return result;
}

}  // namespace

IdxFile read_idx(const std::filesystem::path& path, std::int64_t max_bytes) {
  return std::move(read_elements(path, max_bytes, false).bytes);
}

IdxIntegers read_idx_integers(const std::filesystem::path& path, std::int64_t max_bytes) {
  const Elements elements = read_elements(path, max_bytes, true);
  const auto each = static_cast<std::size_t>(element_bytes(elements.type));
  const std::vector<std::uint8_t>& bytes = elements.bytes.values;
  IdxIntegers result{elements.bytes.sizes, std::vector<std::int32_t>(bytes.size() / each)};
  for (std::size_t i = 0; i < result.values.size(); ++i) {
    std::uint32_t value = elements.type != kUnsignedByte && (bytes[i * each] & 0x80U) != 0 ? ~0U : 0U;
    for (std::size_t k = 0; k < each; ++k) value = value << 8U | bytes[i * each + k];
    result.values[i] = static_cast<std::int32_t>(value);
  }
  return result;
}

LabelledImages read_labelled_images(const std::filesystem::path& images, const std::filesystem::path& labels,
                                    int classes) {
  if (std::cmp_less(classes, kMinClasses) || std::cmp_greater(classes, kMaxClasses))
    throw UsageError(fmt::format("[read_labelled_images] classes out of range: {}; {} to {} are allowed", classes,
                                 kMinClasses, kMaxClasses));
  IdxFile pictures = read_idx(images);
  if (pictures.sizes.size() != 3)
    throw DataError(fmt::format("[read_labelled_images] {}: {} dimension(s); pictures need 3 (count, height, width){}",
                                images.string(), pictures.sizes.size(),
                                pictures.sizes.size() == 1 ? "; is this the file of labels?" : ""));
  IdxFile classes_of = read_idx(labels);
  if (classes_of.sizes.size() != 1)
    throw DataError(fmt::format("[read_labelled_images] {}: {} dimensions; labels need 1{}", labels.string(),
                                classes_of.sizes.size(),
                                classes_of.sizes.size() == 3 ? "; is this the file of pictures?" : ""));
  if (pictures.sizes[0] != classes_of.sizes[0])
    throw DataError(
        fmt::format("[read_labelled_images] {} does not fit {}: each picture needs one label and has its own",
                    labels.string(), images.string()));
  const auto wrong = std::find_if(classes_of.values.begin(), classes_of.values.end(),
                                  [classes](std::uint8_t label) { return label >= classes; });
  if (wrong != classes_of.values.end())
    throw DataError(
        fmt::format("[read_labelled_images] {}: the label of record {} is out of range; 0 to {} are allowed",
                    labels.string(), wrong - classes_of.values.begin(), classes - 1));
  return LabelledImages{.count = pictures.sizes[0],
                        .height = pictures.sizes[1],
                        .width = pictures.sizes[2],
                        .classes = classes,
                        .pixels = std::move(pictures.values),
                        .labels = std::move(classes_of.values),
                        .channels = 1};
}

}  // namespace sotto::data

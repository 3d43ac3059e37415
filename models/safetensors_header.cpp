#include <fmt/format.h>
#include <sotto/models/safetensors_header.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

namespace sotto::models {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian, and read as they are");

constexpr const char* kMetadataKey = "__metadata__";
constexpr int kDeepestNesting = 3;             // file, tensor, list
constexpr std::int64_t kMostTensors = 20'000;  // the JSON library takes the square of it in time

struct DtypeFacts {
  Dtype dtype;
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array<DtypeFacts, 7> kDtypes = {{{Dtype::f64, "F64", 8},
                                                {Dtype::f32, "F32", 4},
                                                {Dtype::f16, "F16", 2},
                                                {Dtype::bf16, "BF16", 2},
                                                {Dtype::i64, "I64", 8},
                                                {Dtype::i32, "I32", 4},
                                                {Dtype::u8, "U8", 1}}};

const DtypeFacts& facts(Dtype dtype) {
  for (const DtypeFacts& known : kDtypes)
    if (known.dtype == dtype) return known;
  throw InternalError("[safetensors] a value outside of the enumeration Dtype");
}

[[noreturn]] void refuse(const std::string& what) {
  throw DataError("[read_safetensors] " + what);
}

// Parses, and refuses what the JSON library would let pass: repeated keys, and nesting that the format has no use for.
Json parse_strictly(std::string_view text) {
  if (text.empty() || text.front() != '{') refuse("the header does not start with '{'");
  // The library would end there, and whatever follows would go unread.
  if (text.find('\0') != std::string_view::npos) refuse("the header is not JSON: it holds a zero byte");
  if (std::ranges::count(text, '{') > kMostTensors + 2)  // the file's own, and that of the metadata
    refuse(fmt::format("the header describes more than {} tensors", kMostTensors));
  std::vector<std::set<std::string>> keys;
  const auto check = [&keys](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) {
      if (depth >= kDeepestNesting) refuse(fmt::format("the header nests deeper than {} levels", kDeepestNesting));
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end || event == Json::parse_event_t::array_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      refuse(fmt::format("the header repeats the name '{}'", value.get<std::string>()));
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), check);
  } catch (const Json::exception& error) {
    refuse(fmt::format("the header is not JSON: {}", error.what()));
  }
}

// Strides are products of sizes, also where one of these is 0.
bool strides_fit(std::span<const std::int64_t> shape) {
  std::int64_t product = 1;
  for (const std::int64_t size : shape)
    if (size > 1 && __builtin_mul_overflow(product, size, &product)) return false;
  return true;
}

std::uint64_t whole_number(const Json& value, const std::string& name, const char* what) {
  if (!value.is_number_unsigned())
    refuse(fmt::format("tensor '{}': {} must be whole numbers, not negative", name, what));
  return value.get<std::uint64_t>();
}

const Json& field(const Json& tensor, const char* key, Json::value_t type, const std::string& name) {
  const auto found = tensor.find(key);
  if (found == tensor.end() || found->type() != type)
    refuse(fmt::format("tensor '{}': no field '{}' of the right type", name, key));
  return *found;
}

Dtype parse_dtype(const std::string& text, const std::string& name) {
  for (const DtypeFacts& known : kDtypes)
    if (known.name == text) return known.dtype;
  refuse(fmt::format("tensor '{}': element type '{}'; F64, F32, F16, BF16, I64, I32 and U8 are read", name, text));
}

HeaderEntry parse_entry(const std::string& name, const Json& tensor, std::uint64_t data_bytes) {
  if (name.empty()) refuse("a tensor has an empty name");
  if (!tensor.is_object()) refuse(fmt::format("tensor '{}' is not described by an object", name));
  HeaderEntry entry;
  entry.name = name;
  entry.dtype = parse_dtype(field(tensor, "dtype", Json::value_t::string, name).get<std::string>(), name);
  for (const Json& size : field(tensor, "shape", Json::value_t::array, name)) {
    const std::uint64_t value = whole_number(size, name, "sizes");
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      refuse(fmt::format("tensor '{}': size {} is too large", name, value));
    entry.shape.push_back(static_cast<std::int64_t>(value));
  }
  const Json& offsets = field(tensor, "data_offsets", Json::value_t::array, name);
  if (offsets.size() != 2)
    refuse(fmt::format("tensor '{}': {} offsets; begin and end are needed", name, offsets.size()));
  if (tensor.size() != 3) refuse(fmt::format("tensor '{}' has fields other than dtype, shape and data_offsets", name));
  entry.begin = whole_number(offsets[0], name, "offsets");
  entry.end = whole_number(offsets[1], name, "offsets");
  if (entry.begin > entry.end || entry.end > data_bytes)
    refuse(fmt::format("tensor '{}': offsets {} to {} are out of range; the file holds {} bytes of data", name,
                       entry.begin, entry.end, data_bytes));
  if (tensor_bytes(entry.dtype, entry.shape, data_bytes) != entry.end - entry.begin)
    refuse(fmt::format("tensor '{}': its {} bytes do not match its shape and type", name, entry.end - entry.begin));
  if (!strides_fit(entry.shape)) refuse(fmt::format("tensor '{}': its sizes are too large", name));
  return entry;
}

Metadata parse_metadata(const Json& value) {
  if (!value.is_object()) refuse("__metadata__ is not an object");
  Metadata metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) refuse(fmt::format("the metadata '{}' is not text", key));
    metadata.emplace(key, text.get<std::string>());
  }
  return metadata;
}

void check_cover(const std::vector<HeaderEntry>& entries, std::uint64_t data_bytes) {
  std::uint64_t covered = 0;
  for (const HeaderEntry& entry : entries) {
    if (entry.begin < covered) refuse(fmt::format("tensor '{}' overlaps the one before it", entry.name));
    if (entry.begin > covered)
      refuse(fmt::format("a hole of {} bytes lies before tensor '{}'", entry.begin - covered, entry.name));
    covered = entry.end;
  }
  if (covered != data_bytes) refuse(fmt::format("{} bytes follow the last tensor", data_bytes - covered));
}

}  // namespace

std::size_t element_bytes(Dtype dtype) {
  return facts(dtype).bytes;
}
std::string_view dtype_name(Dtype dtype) {
  return facts(dtype).name;
}

std::uint64_t tensor_bytes(Dtype dtype, std::span<const std::int64_t> shape, std::uint64_t limit) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::uint64_t bytes = element_bytes(dtype);
  for (const std::int64_t size : shape) {
    const auto factor = static_cast<std::uint64_t>(size);
    if (bytes > limit / factor) return limit + 1;
    bytes *= factor;
  }
  return bytes;
}

std::uint64_t header_length(std::span<const std::byte, kSafetensorsLengthBytes> beginning, std::uint64_t file_bytes) {
  std::uint64_t length = 0;
  std::memcpy(&length, beginning.data(), beginning.size());
  if (length > kMaxSafetensorsHeaderBytes)
    refuse(fmt::format("a header of {} bytes; at most {} are allowed", length, kMaxSafetensorsHeaderBytes));
  if (file_bytes < kSafetensorsLengthBytes || length > file_bytes - kSafetensorsLengthBytes)
    refuse(fmt::format("cut short: a header of {} bytes in a file of {}", length, file_bytes));
  return length;
}

Header parse_header(std::string_view text, std::uint64_t data_bytes) {
  const Json root = parse_strictly(text);
  Header header;
  for (const auto& [name, value] : root.items()) {
    if (name == kMetadataKey) {
      header.metadata = parse_metadata(value);
    } else {
      header.entries.push_back(parse_entry(name, value, data_bytes));
    }
  }
  std::sort(header.entries.begin(), header.entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_cover(header.entries, data_bytes);
  return header;
}

std::string format_header(const Header& header) {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  if (!header.metadata.empty()) root[kMetadataKey] = header.metadata;
  for (const HeaderEntry& entry : header.entries) {
    nlohmann::ordered_json& tensor = root[entry.name];
    tensor["dtype"] = std::string(dtype_name(entry.dtype));
    tensor["shape"] = entry.shape;
    tensor["data_offsets"] = {entry.begin, entry.end};
  }
  std::string text;
  try {
    text = root.dump();
  } catch (const Json::exception&) {
    throw UsageError("[write_safetensors] a name or a metadata text is not UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace sotto::models

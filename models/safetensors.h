#pragma once
// The safetensors file format, without LibTorch: named tensors as raw bytes, and text metadata.
//
//   bytes 0-7    N, the length of the header: unsigned, 64 bits, little-endian
//   N bytes      JSON object: name -> {"dtype", "shape", "data_offsets": [begin, end]}, and optionally
//                "__metadata__": {text: text}; may be padded with blanks
//   the rest     the tensors' bytes, little-endian, row-major; offsets count from here
//
// The reader is strict: tensors must cover the data exactly, without holes, overlaps or bytes left over, and each must
// be as long as its shape and type say. A file that is accepted therefore has one reading only.

#include <sotto/privacy/atomic_file.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::models {

enum class Dtype { f64, f32, f16, bf16, i64, i32, u8 };

std::size_t element_bytes(Dtype dtype);
std::string_view dtype_name(Dtype dtype);  // as written in files: "F32"

struct Header;  // safetensors_header.h

using Metadata = std::map<std::string, std::string>;

// A tensor whose bytes belong to somebody else. An empty shape is a scalar; a size of 0 is allowed.
struct TensorView {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

// Larger headers are refused (the limit of the format's reference implementation).
inline constexpr std::uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

// Writes the tensors ordered by element size (largest first, so that each is aligned) and then by name, after a header
// padded to 8 bytes: equal content gives equal files. The file appears whole or not at all. Throws UsageError for a
// name that is repeated, empty, "__metadata__" or not UTF-8, a negative size, or bytes that do not match shape and
// type; IoError when the file cannot be written, and what `before_rename` throws (privacy/atomic_file.h).
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const Metadata& metadata = {}, const privacy::BeforeRename& before_rename = {});

// A file that was found to be well formed. Its header is parsed from a copy: what was checked is what is used.
class SafetensorsFile {
 public:
  // Reads the data into memory of its own: nothing that happens to the file afterwards matters. Throws DataError that
  // says what is wrong with the file; IoError when the device fails or the file is cut meanwhile.
  static SafetensorsFile read(const std::filesystem::path& path);
  // Maps the file privately instead: views are of the mapping, and nothing is read before it is used. Values are those
  // of the file at the time of their use, and a file that is cut ends the process (file_bytes.h): for files that nobody
  // writes in place. Errors as above.
  static SafetensorsFile map(const std::filesystem::path& path);
  // The same for the bytes of a file in memory of the caller. Throws DataError, without the name of a file.
  static SafetensorsFile view(std::span<const std::byte> file);

  const std::vector<TensorView>& tensors() const { return tensors_; }  // by name
  const TensorView* find(std::string_view name) const;                 // null when there is none
  const Metadata& metadata() const { return metadata_; }

  // What keeps the bytes of the tensors, to be held where they are used longer than this object lives: they may be
  // written to, and never reach the file. Null for view().
  const std::shared_ptr<std::byte>& memory() const { return memory_; }

  // The whole file as read() found it, in that memory; empty for map() and view().
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  SafetensorsFile(Header header, std::shared_ptr<std::byte> memory, const std::byte* data);
  std::shared_ptr<std::byte> memory_;
  std::span<const std::byte> bytes_;
  std::vector<TensorView> tensors_;
  Metadata metadata_;
};

}  // namespace sotto::models

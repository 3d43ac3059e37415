#pragma once
// SHA-256 (FIPS 180-4), through OpenSSL.

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sotto::privacy {

std::array<unsigned char, 32> sha256(std::string_view bytes);
// As 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);
std::string sha256_hex(std::span<const std::string_view> pieces);  // of all of them, one after the other
// The same of a file, read piece by piece. Throws IoError when it cannot be read, or is not a regular file.
std::string sha256_of_file(const std::filesystem::path& path);
// Whether `text` has the form that sha256_hex gives.
bool is_sha256_hex(std::string_view text);

// Of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::string_view bytes);
  // Of all that was added. Once.
  std::array<unsigned char, 32> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sotto::privacy

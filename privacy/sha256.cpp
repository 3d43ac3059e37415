#include <openssl/evp.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/regular_file.h>
#include <sotto/privacy/sha256.h>

#include <algorithm>

namespace sotto::privacy {
namespace {

std::string hexadecimal(const std::array<unsigned char, 32>& digest) {
  std::string text;
  for (const unsigned char byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  SOTTO_ASSERT(state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  SOTTO_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::array<unsigned char, 32> Sha256::finish() {
  std::array<unsigned char, 32> digest;
  unsigned size = 0;
  SOTTO_ASSERT(EVP_DigestFinal_ex(state_->context, digest.data(), &size) == 1 && size == digest.size());
  return digest;
}

std::array<unsigned char, 32> sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.finish();
}

std::string sha256_hex(std::string_view bytes) {
  return hexadecimal(sha256(bytes));
}

std::string sha256_hex(std::span<const std::string_view> pieces) {
  Sha256 hash;
  for (const std::string_view piece : pieces) hash.add(piece);
  return hexadecimal(hash.finish());
}

std::string sha256_of_file(const std::filesystem::path& path) {
  Sha256 hash;
  if (const auto reason = read_regular_file(path, [&](std::string_view piece) { hash.add(piece); }))
    throw IoError("[sha256_of_file] " + path.string() + ": " + *reason);
  return hexadecimal(hash.finish());
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace sotto::privacy

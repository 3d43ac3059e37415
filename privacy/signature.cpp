#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/privacy/signature.h>

#include <cstdio>
#include <memory>
#include <utility>

namespace sotto::privacy {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kKeyBytes = 32;

// Nobody is asked for a password.
int no_password(char*, int, int, void*) {
  return -1;
}

Key read_key(const std::filesystem::path& path, bool is_private) {
  const File file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) throw IoError("[signature] cannot open the key " + path.string());
  Key key(is_private ? PEM_read_PrivateKey(file.get(), nullptr, &no_password, nullptr)
                     : PEM_read_PUBKEY(file.get(), nullptr, &no_password, nullptr),
          &EVP_PKEY_free);
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519)
    throw UsageError(
        "[signature] " + path.string() + " holds no " + (is_private ? "private" : "public") +
        " key of Ed25519 in PEM, without a password" +
        (is_private ? "; openssl genpkey -algorithm ed25519 makes one" : "; openssl pkey -pubout gives it"));
  return key;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string sign(std::string_view message, const std::filesystem::path& private_key) {
  const Key key = read_key(private_key, true);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::string result(kSignatureBytes, '\0');
  std::size_t size = result.size();
  SOTTO_ASSERT(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
               EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(result.data()), &size, bytes_of(message),
                              message.size()) == 1 &&
               size == kSignatureBytes);
  return result;
}

bool is_signed(std::string_view message, std::string_view signature, const std::filesystem::path& public_key) {
  const Key key = read_key(public_key, false);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  SOTTO_ASSERT(context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  return signature.size() == kSignatureBytes &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
}

std::string public_key_fingerprint(const std::filesystem::path& public_key) {
  const Key key = read_key(public_key, false);
  std::string raw(kKeyBytes, '\0');
  std::size_t size = raw.size();
  SOTTO_ASSERT(EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(raw.data()), &size) == 1);
  return sha256_hex(raw);
}

}  // namespace sotto::privacy

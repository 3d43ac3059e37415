#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/random_stream.h>

#include <string>
#include <utility>

namespace sotto::privacy {

void RandomStream::FreeCipher::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

RandomStream::RandomStream(const SecretKey& key, std::string_view label)
    : key_(key.derive("sotto random stream 1 " + std::string(label))), cipher_(EVP_CIPHER_CTX_new()) {
  static constexpr unsigned char kStart[16] = {};  // block counter and nonce; the key is used for this stream alone
  const auto* bytes = reinterpret_cast<const unsigned char*>(key_.words().data());
  SOTTO_ASSERT(cipher_ && EVP_EncryptInit_ex(cipher_.get(), EVP_chacha20(), nullptr, bytes, kStart) == 1);
}

RandomStream::RandomStream(RandomStream&& other) noexcept
    : key_(std::move(other.key_)), cipher_(std::move(other.cipher_)), buffer_(other.buffer_), used_(other.used_) {
  OPENSSL_cleanse(other.buffer_.data(), sizeof(other.buffer_));
}

RandomStream& RandomStream::operator=(RandomStream&& other) noexcept {
  if (this != &other) {
    key_ = std::move(other.key_);
    cipher_ = std::move(other.cipher_);
    buffer_ = other.buffer_;
    used_ = other.used_;
    OPENSSL_cleanse(other.buffer_.data(), sizeof(other.buffer_));
  }
  return *this;
}

RandomStream::~RandomStream() {
  OPENSSL_cleanse(buffer_.data(), sizeof(buffer_));
}

std::uint64_t RandomStream::next_u64() {
  static_cast<void>(key_.words());  // refuses forked children and moved-from streams
  if (used_ == kBuffer) refill();
  // What was handed out is forgotten: a later memory dump cannot recover which records were drawn.
  return std::exchange(buffer_[used_++], 0);
}

void RandomStream::refill() {
  buffer_.fill(0);
  auto* bytes = reinterpret_cast<unsigned char*>(buffer_.data());
  int length = 0;
  SOTTO_ASSERT(EVP_EncryptUpdate(cipher_.get(), bytes, &length, bytes, sizeof(buffer_)) == 1 &&
               length == sizeof(buffer_));
  used_ = 0;
}

}  // namespace sotto::privacy

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/secret_key.h>
#include <sotto/privacy/sha256.h>
#include <sys/random.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>

namespace sotto::privacy {
namespace {

static_assert(std::endian::native == std::endian::little, "keys are read as little-endian words");

std::span<unsigned char> bytes_of(std::array<std::uint32_t, 8>& words) {
  return {reinterpret_cast<unsigned char*>(words.data()), sizeof(words)};
}

// How many forks lie between this process and the first; a handler, because asking the kernel at each draw is slow.
unsigned fork_generation() {
  static std::atomic<unsigned> generation{0};
  static const int registered = ::pthread_atfork(nullptr, nullptr, [] { ++generation; });
  SOTTO_ASSERT(registered == 0);
  return generation.load(std::memory_order_relaxed);
}

}  // namespace

namespace detail {

void fill_from_entropy(std::span<unsigned char> bytes, EntropySource source) {
  while (!bytes.empty()) {
    const ssize_t got = source(bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || static_cast<std::size_t>(got) > bytes.size())
      throw IoError("[SecretKey] the operating system gave no random bytes: " +
                    std::string(got < 0 ? std::strerror(errno) : "wrong length") +
                    "; without them nothing private can be done");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace detail

SecretKey::SecretKey(State state) : state_(state), owner_(fork_generation()) {}

SecretKey::SecretKey(SecretKey&& other) noexcept : words_(other.words_), state_(other.state_), owner_(other.owner_) {
  other.erase();
}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  if (this != &other) {
    words_ = other.words_;
    state_ = other.state_;
    owner_ = other.owner_;
    other.erase();
  }
  return *this;
}

SecretKey::~SecretKey() {
  erase();
}

void SecretKey::erase() noexcept {
  OPENSSL_cleanse(words_.data(), sizeof(words_));
  state_ = State::empty;
}

SecretKey SecretKey::from_operating_system() {
  SecretKey key(State::secret);
  detail::fill_from_entropy(bytes_of(key.words_), ::getrandom);
  return key;
}

SecretKey SecretKey::insecure_for_tests(std::uint64_t seed) {
  SecretKey key(State::insecure);
  const auto digest = sha256("sotto insecure test key " + std::to_string(seed));
  std::memcpy(key.words_.data(), digest.data(), sizeof(key.words_));
  return key;
}

std::span<const std::uint32_t, 8> SecretKey::words() const {
  SOTTO_ASSERT(state_ != State::empty);
  if (fork_generation() != owner_)
    throw InternalError("[SecretKey] a key was used in a forked child; the parent could draw the same noise");
  return words_;
}

std::string SecretKey::commitment() const {
  static constexpr std::string_view kLabel = "sotto key commitment 1";
  std::array<char, kLabel.size() + sizeof(words_)> message;
  std::memcpy(message.data(), kLabel.data(), kLabel.size());
  std::memcpy(message.data() + kLabel.size(), words().data(), sizeof(words_));
  std::string digest = sha256_hex({message.data(), message.size()});
  OPENSSL_cleanse(message.data(), message.size());
  return digest;
}

SecretKey SecretKey::derive(std::string_view label) const {
  SecretKey key(state_);
  unsigned int length = 0;
  const unsigned char* done =
      HMAC(EVP_sha256(), words().data(), sizeof(words_), reinterpret_cast<const unsigned char*>(label.data()),
           label.size(), bytes_of(key.words_).data(), &length);
  SOTTO_ASSERT(done != nullptr && length == sizeof(words_));
  return key;
}

}  // namespace sotto::privacy

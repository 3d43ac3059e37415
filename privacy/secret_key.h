#pragma once
// A 256-bit secret key: the only source of unpredictability of noise and sampling.
//
// It cannot be copied, printed or serialised; it leaves memory with its object. Each run of the program draws new keys
// from the operating system and stores none: a key that survived a crash could noise two different sums with the same
// draw, and their difference would be noiseless. For the same reason a key refuses to work in a forked child.

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sotto::privacy {

class SecretKey {
 public:
  // 32 bytes from getrandom(2), which blocks until the kernel is seeded. Throws IoError when the kernel refuses.
  static SecretKey from_operating_system();
  // A function of `seed` alone. Whatever uses it is NOT PRIVATE and must be stamped so: see is_secret().
  static SecretKey insecure_for_tests(std::uint64_t seed);

  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  SecretKey(const SecretKey&) = delete;  // two holders could produce the same noise twice
  SecretKey& operator=(const SecretKey&) = delete;
  ~SecretKey();

  // True when the key came from the operating system and has not been moved away.
  bool is_secret() const { return state_ == State::secret; }
  // The key as eight little-endian words, valid as long as this object. Throws InternalError for a moved-from key and
  // in a forked child.
  std::span<const std::uint32_t, 8> words() const;
  // SHA-256 of a fixed label and the key, as 64 hexadecimal digits: names the key in a ledger without revealing it.
  std::string commitment() const;
  // A key that is independent of this one and of other labels, for all practical purposes: HMAC-SHA-256(key, label).
  SecretKey derive(std::string_view label) const;

 private:
  enum class State { empty, insecure, secret };
  explicit SecretKey(State state);
  void erase() noexcept;

  std::array<std::uint32_t, 8> words_{};
  State state_;
  unsigned owner_;  // the process that drew it, see fork_generation
};

namespace detail {
// getrandom(2) or a stand-in for tests: fills up to `size` bytes, returns how many, or -1 with errno.
using EntropySource = ssize_t (*)(void* buffer, std::size_t size, unsigned flags);
// Calls `source` until `bytes` is full; resumes after signals and short reads. Throws IoError on any other outcome.
void fill_from_entropy(std::span<unsigned char> bytes, EntropySource source);
}  // namespace detail

}  // namespace sotto::privacy

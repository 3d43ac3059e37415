#pragma once
// A sequential stream of unpredictable 64-bit numbers: ChaCha20 (through OpenSSL) under a key derived from a SecretKey
// and a label. Streams with different labels are independent. The position is never stored: a resumed run draws a new
// key.

#include <sotto/privacy/secret_key.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>

struct evp_cipher_ctx_st;

namespace sotto::privacy {

// A UniformRandomBitGenerator, so that it works with <random> and std::shuffle. Move-only, not thread-safe.
class RandomStream {
 public:
  using result_type = std::uint64_t;

  RandomStream(const SecretKey& key, std::string_view label);
  RandomStream(RandomStream&& other) noexcept;
  RandomStream& operator=(RandomStream&& other) noexcept;
  ~RandomStream();

  // Throws InternalError in a forked child, where parent and child would draw the same numbers.
  std::uint64_t next_u64();
  // A multiple of 2^-53 in (0, 1], each equally likely.
  double next_uniform() { return static_cast<double>((next_u64() >> 11) + 1) * 0x1p-53; }

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()() { return next_u64(); }

 private:
  static constexpr std::size_t kBuffer = 512;
  struct FreeCipher {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  void refill();

  SecretKey key_;
  std::unique_ptr<evp_cipher_ctx_st, FreeCipher> cipher_;
  std::array<std::uint64_t, kBuffer> buffer_;
  std::size_t used_ = kBuffer;
};

}  // namespace sotto::privacy

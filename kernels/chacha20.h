#pragma once
// ChaCha20 block function with the 64-bit block counter of its author (D. J. Bernstein, "ChaCha, a variant of Salsa20",
// 2008), for use as a counter-based generator on CPU and GPU.
//
//   words 0..3    constants "expand 32-byte k"
//   words 4..11   key, little-endian
//   words 12..15  counter: here all four words belong to the caller. RFC 8439 uses the same state with word 12 as
//                 counter and words 13..15 as nonce, so its test vectors apply unchanged.
//
// Scalar, allocation-free, constexpr; 20 rounds and the final addition of the input state. One call gives 64 bytes.

#include <sotto/kernels/host_device.h>

#include <cstdint>

namespace sotto::kernels {

inline constexpr int kChaChaWords = 16;
inline constexpr int kChaChaDoubleRounds = 10;
inline constexpr std::uint32_t kChaChaConstant0 = 0x61707865;
inline constexpr std::uint32_t kChaChaConstant1 = 0x3320646e;
inline constexpr std::uint32_t kChaChaConstant2 = 0x79622d32;
inline constexpr std::uint32_t kChaChaConstant3 = 0x6b206574;

struct ChaChaBlock {
  std::uint32_t word[kChaChaWords];
};

SOTTO_HOST_DEVICE constexpr std::uint32_t chacha_rotate(std::uint32_t x, int bits) {
  return (x << bits) | (x >> (32 - bits));
}

SOTTO_HOST_DEVICE constexpr void chacha_quarter_round(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c,
                                                      std::uint32_t& d) {
  a += b, d = chacha_rotate(d ^ a, 16);
  c += d, b = chacha_rotate(b ^ c, 12);
  a += b, d = chacha_rotate(d ^ a, 8);
  c += d, b = chacha_rotate(b ^ c, 7);
}

// key: 8 words, counter: 4 words (state words 12..15).
SOTTO_HOST_DEVICE constexpr ChaChaBlock chacha20_block(const std::uint32_t* key, const std::uint32_t* counter) {
  ChaChaBlock input{{kChaChaConstant0, kChaChaConstant1, kChaChaConstant2, kChaChaConstant3, key[0], key[1], key[2],
                     key[3], key[4], key[5], key[6], key[7], counter[0], counter[1], counter[2], counter[3]}};
  ChaChaBlock block = input;
  std::uint32_t* x = block.word;
  for (int round = 0; round < kChaChaDoubleRounds; ++round) {
    chacha_quarter_round(x[0], x[4], x[8], x[12]);
    chacha_quarter_round(x[1], x[5], x[9], x[13]);
    chacha_quarter_round(x[2], x[6], x[10], x[14]);
    chacha_quarter_round(x[3], x[7], x[11], x[15]);
    chacha_quarter_round(x[0], x[5], x[10], x[15]);
    chacha_quarter_round(x[1], x[6], x[11], x[12]);
    chacha_quarter_round(x[2], x[7], x[8], x[13]);
    chacha_quarter_round(x[3], x[4], x[9], x[14]);
  }
  for (int i = 0; i < kChaChaWords; ++i) x[i] += input.word[i];
  return block;
}

}  // namespace sotto::kernels

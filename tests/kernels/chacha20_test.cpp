#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sotto/kernels/chacha20.h>

#include <array>
#include <cstring>
#include <random>

namespace sotto::kernels {
namespace {

std::array<std::uint8_t, 64> bytes_of(const ChaChaBlock& block) {
  std::array<std::uint8_t, 64> bytes;
  for (int i = 0; i < kChaChaWords; ++i)
    for (int b = 0; b < 4; ++b) bytes[4 * i + b] = static_cast<std::uint8_t>(block.word[i] >> (8 * b));
  return bytes;
}

// RFC 8439, section 2.1.1.
TEST(ChaCha20, QuarterRoundMatchesRfc8439) {
  std::uint32_t a = 0x11111111, b = 0x01020304, c = 0x9b8d6f43, d = 0x01234567;
  chacha_quarter_round(a, b, c, d);
  EXPECT_EQ(a, 0xea2a92f4u);
  EXPECT_EQ(b, 0xcb1cf8ceu);
  EXPECT_EQ(c, 0x4581472eu);
  EXPECT_EQ(d, 0x5881c4bbu);
}

// RFC 8439, section 2.3.2.
TEST(ChaCha20, BlockMatchesRfc8439) {
  std::uint32_t key[8];
  for (std::uint32_t i = 0; i < 8; ++i) key[i] = 0x03020100 + 0x04040404 * i;
  const std::uint32_t counter[4] = {1, 0x09000000, 0x4a000000, 0};
  const std::uint32_t expected[16] = {0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
                                      0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                                      0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
  const ChaChaBlock block = chacha20_block(key, counter);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(block.word[i], expected[i]) << "word " << i;
}

// RFC 8439, appendix A.1, test vector 1.
TEST(ChaCha20, ZeroKeyMatchesRfc8439) {
  constexpr std::uint32_t kZero[8] = {};
  constexpr ChaChaBlock kBlock = chacha20_block(kZero, kZero);
  static_assert(kBlock.word[0] == 0xade0b876 && kBlock.word[15] == 0x8665eeb2);
}

TEST(ChaCha20, AgreesWithOpenSsl) {
  std::mt19937_64 generator(1);
  for (int repetition = 0; repetition < 1000; ++repetition) {
    std::uint32_t key[8], counter[4];
    for (auto& word : key) word = static_cast<std::uint32_t>(generator());
    for (auto& word : counter) word = static_cast<std::uint32_t>(generator());
    std::uint8_t key_bytes[32], iv[16];
    std::memcpy(key_bytes, key, 32);
    std::memcpy(iv, counter, 16);
    const std::array<std::uint8_t, 64> zeros{};
    std::array<std::uint8_t, 64> expected{};
    int length = 0;
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    ASSERT_EQ(EVP_EncryptInit_ex(context, EVP_chacha20(), nullptr, key_bytes, iv), 1);
    ASSERT_EQ(EVP_EncryptUpdate(context, expected.data(), &length, zeros.data(), 64), 1);
    EVP_CIPHER_CTX_free(context);
    ASSERT_EQ(length, 64);
    ASSERT_EQ(bytes_of(chacha20_block(key, counter)), expected);
  }
}

}  // namespace
}  // namespace sotto::kernels

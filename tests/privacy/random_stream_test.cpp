#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/random_stream.h>

#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace sotto::privacy {
namespace {

static_assert(std::uniform_random_bit_generator<RandomStream>);

RandomStream stream(std::uint64_t seed, std::string_view label = "test") {
  return {SecretKey::insecure_for_tests(seed), label};
}

// The whole construction again: HMAC-SHA-256 of the labelled purpose, then the ChaCha20 key stream from block 0.
TEST(RandomStream, IsTheChaCha20KeyStreamOfTheDerivedKey) {
  const SecretKey key = SecretKey::insecure_for_tests(1);
  const std::string label = "sotto random stream 1 test";
  unsigned char derived[32];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.words().data(), 32, reinterpret_cast<const unsigned char*>(label.data()), label.size(),
       derived, &size);
  const std::size_t count = 3000;
  std::vector<unsigned char> zeros(8 * count), expected(8 * count);
  const unsigned char start[16] = {};
  int length = 0;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex(context, EVP_chacha20(), nullptr, derived, start);
  EVP_EncryptUpdate(context, expected.data(), &length, zeros.data(), static_cast<int>(zeros.size()));
  EVP_CIPHER_CTX_free(context);
  RandomStream numbers(key, "test");
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t value;
    std::memcpy(&value, expected.data() + 8 * i, 8);
    ASSERT_EQ(numbers.next_u64(), value) << i;
  }
}

TEST(RandomStream, LabelsAndKeysSeparateStreams) {
  EXPECT_EQ(stream(1).next_u64(), stream(1).next_u64());
  EXPECT_NE(stream(1).next_u64(), stream(2).next_u64());
  EXPECT_NE(stream(1, "a").next_u64(), stream(1, "b").next_u64());
}

TEST(RandomStream, MovingKeepsThePositionAndEndsTheSource) {
  RandomStream a = stream(1), reference = stream(1);
  for (int i = 0; i < 700; ++i) ASSERT_EQ(a.next_u64(), reference.next_u64());
  RandomStream b = std::move(a);
  for (int i = 0; i < 700; ++i) ASSERT_EQ(b.next_u64(), reference.next_u64());
  EXPECT_THROW(a.next_u64(), InternalError);  // NOLINT(bugprone-use-after-move)
}

// Chi-square over 1024 cells, 1e6 draws, both tails at 5e-5: false alarm 1e-4.
TEST(RandomStream, UniformsLieInTheHalfOpenIntervalAndAreUniform) {
  RandomStream numbers = stream(9);
  constexpr int kCells = 1024, kDraws = 1'000'000;
  std::vector<int> count(kCells);
  for (int i = 0; i < kDraws; ++i) {
    const double u = numbers.next_uniform();
    ASSERT_TRUE(u > 0 && u <= 1);
    ++count[static_cast<std::size_t>(std::ceil(u * kCells)) - 1];
  }
  const double expected = static_cast<double>(kDraws) / kCells;
  double statistic = 0;
  for (int c : count) statistic += (c - expected) * (c - expected) / expected;
  const boost::math::chi_squared law(kCells - 1);
  EXPECT_GT(statistic, quantile(law, 5e-5));
  EXPECT_LT(statistic, quantile(complement(law, 5e-5)));
}

}  // namespace
}  // namespace sotto::privacy

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/privacy/signature.h>

#include <fstream>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::privacy {
namespace {

// RFC 8032, section 7.1, test 3: the key's 32 bytes in the frames of RFC 8410.
constexpr const char* kPrivate =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIMWqjfQ/n4N77bdELzHct7Fm04U1B28JS4XOOi4LRFj3\n"
    "-----END PRIVATE KEY-----\n";
constexpr const char* kPublic =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=\n"
    "-----END PUBLIC KEY-----\n";

class SignatureTest : public ::testing::Test {
 protected:
  std::filesystem::path file(const char* name, const std::string& content) {
    const auto path = folder_.path() / name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  sotto::testing::ScratchFolder folder_;
};

TEST_F(SignatureTest, IsWhatOpenSslMakesAndChecks) {
  const auto secret = folder_.path() / "secret.pem", open = folder_.path() / "public.pem";
  const auto run = [](const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()); };
  ASSERT_EQ(run("openssl genpkey -algorithm ed25519 -out " + secret.string()), 0);
  ASSERT_EQ(run("openssl pkey -in " + secret.string() + " -pubout -out " + open.string()), 0);
  const std::string message = "a certificate\n";
  const auto text = file("text", message), signature = file("text.sig", sign(message, secret));
  EXPECT_EQ(run("openssl pkeyutl -verify -pubin -inkey " + open.string() + " -rawin -in " + text.string() +
                " -sigfile " + signature.string()),
            0);
  ASSERT_EQ(run("openssl pkeyutl -sign -inkey " + secret.string() + " -rawin -in " + text.string() + " -out " +
                signature.string()),
            0);
  std::ifstream theirs(signature, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(theirs), {});
  EXPECT_TRUE(is_signed(message, bytes, open));
  EXPECT_EQ(bytes, sign(message, secret));
}

TEST_F(SignatureTest, EveryChangedBitIsNoticed) {
  const auto secret = file("secret.pem", kPrivate), open = file("public.pem", kPublic);
  const std::string message = "\xaf\x82", signature = sign(message, secret);
  EXPECT_EQ(sha256_hex(signature),
            sha256_hex(std::string("\x62\x91\xd6\x57\xde\xec\x24\x02\x48\x27\xe6\x9c\x3a\xbe\x01\xa3"
                                   "\x0c\xe5\x48\xa2\x84\x74\x3a\x44\x5e\x36\x80\xd7\xdb\x5a\xc3\xac"
                                   "\x18\xff\x9b\x53\x8d\x16\xf2\x90\xae\x67\xf7\x60\x98\x4d\xc6\x59"
                                   "\x4a\x7c\x15\xe9\x71\x6e\xd2\x8d\xc0\x27\xbe\xce\xea\x1e\xc4\x0a",
                                   64)));
  EXPECT_TRUE(is_signed(message, signature, open));
  for (std::size_t i = 0; i < 8 * signature.size(); ++i) {
    std::string changed = signature;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(is_signed(message, changed, open)) << i;
  }
  EXPECT_FALSE(is_signed("\xaf\x83", signature, open));
  EXPECT_FALSE(is_signed(message, signature.substr(1), open));
  EXPECT_FALSE(is_signed(message, "", open));
}

TEST_F(SignatureTest, OtherKeysAreRefused) {
  const auto secret = file("secret.pem", kPrivate), open = file("public.pem", kPublic), none = file("none.pem", "no");
  EXPECT_THROW(sign("", open), UsageError);
  EXPECT_THROW(sign("", none), UsageError);
  EXPECT_THROW(is_signed("", "", secret), UsageError);
  EXPECT_THROW(is_signed("", "", none), UsageError);
  EXPECT_THROW(sign("", folder_.path() / "absent.pem"), IoError);
  const auto rsa = folder_.path() / "rsa.pem", locked = folder_.path() / "locked.pem";
  ASSERT_EQ(std::system(("openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:1024 -out " + rsa.string() +
                         " >/dev/null 2>&1")
                            .c_str()),
            0);
  EXPECT_THROW(sign("", rsa), UsageError);
  ASSERT_EQ(std::system(("openssl pkey -in " + secret.string() + " -aes256 -passout pass:x -out " + locked.string() +
                         " >/dev/null 2>&1")
                            .c_str()),
            0);
  EXPECT_THROW(sign("", locked), UsageError);
  EXPECT_EQ(public_key_fingerprint(open).size(), 64u);
}

TEST(Sha256OfFile, IsThatOfItsBytes) {
  const sotto::testing::ScratchFolder folder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20, (std::size_t{2} << 20) + 7}) {
    const std::string bytes(size, 'x');
    std::ofstream(folder.path() / "file", std::ios::binary | std::ios::trunc) << bytes;
    EXPECT_EQ(sha256_of_file(folder.path() / "file"), sha256_hex(bytes)) << size;
  }
  EXPECT_THROW(sha256_of_file(folder.path()), IoError);
  EXPECT_THROW(sha256_of_file(folder.path() / "absent"), IoError);
  // FIPS 180-4's "abc".
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace sotto::privacy

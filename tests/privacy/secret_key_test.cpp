#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/random_stream.h>
#include <sotto/privacy/secret_key.h>
#include <sotto/privacy/sha256.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <concepts>
#include <cstring>
#include <new>
#include <ostream>
#include <set>
#include <type_traits>

namespace sotto::privacy {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

static_assert(!std::is_copy_constructible_v<SecretKey> && !std::is_copy_assignable_v<SecretKey>);
static_assert(std::is_nothrow_move_constructible_v<SecretKey> && std::is_nothrow_move_assignable_v<SecretKey>);
static_assert(!std::is_default_constructible_v<SecretKey>);
static_assert(!Printable<SecretKey> && !std::equality_comparable<SecretKey>);
static_assert(!std::is_convertible_v<SecretKey, std::string> && !std::is_trivially_copyable_v<SecretKey>);
static_assert(!std::is_copy_constructible_v<RandomStream> && !Printable<RandomStream>);

std::array<std::uint32_t, 8> words_of(const SecretKey& key) {
  std::array<std::uint32_t, 8> words;
  std::copy(key.words().begin(), key.words().end(), words.begin());
  return words;
}

// FIPS 180-4 examples.
TEST(Sha256, MatchesPublishedVectors) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(SecretKey, OperatingSystemKeysDifferAndAreSecret) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const SecretKey key = SecretKey::from_operating_system();
    EXPECT_TRUE(key.is_secret());
    EXPECT_TRUE(seen.insert(key.commitment()).second);
  }
}

TEST(SecretKey, TestKeysAreRepeatableAndNotSecret) {
  const SecretKey a = SecretKey::insecure_for_tests(1), b = SecretKey::insecure_for_tests(1);
  EXPECT_FALSE(a.is_secret());
  EXPECT_EQ(words_of(a), words_of(b));
  EXPECT_NE(words_of(a), words_of(SecretKey::insecure_for_tests(2)));
}

TEST(SecretKey, CommitmentHidesTheKeyButNamesIt) {
  const SecretKey key = SecretKey::insecure_for_tests(7);
  std::string bytes = "sotto key commitment 1";
  bytes.append(reinterpret_cast<const char*>(key.words().data()), 32);
  EXPECT_EQ(key.commitment(), sha256_hex(bytes));
  EXPECT_NE(key.commitment(), SecretKey::insecure_for_tests(8).commitment());
}

TEST(SecretKey, DerivedKeysDifferByLabelAndKeepTheStamp) {
  const SecretKey root = SecretKey::insecure_for_tests(3);
  EXPECT_NE(words_of(root.derive("a")), words_of(root.derive("b")));
  EXPECT_NE(words_of(root.derive("a")), words_of(root));
  EXPECT_EQ(words_of(root.derive("a")), words_of(SecretKey::insecure_for_tests(3).derive("a")));
  EXPECT_FALSE(root.derive("a").is_secret());
  EXPECT_TRUE(SecretKey::from_operating_system().derive("a").is_secret());
}

TEST(SecretKey, MovedFromKeyRefusesToWork) {
  SecretKey a = SecretKey::from_operating_system();
  const std::string name = a.commitment();
  SecretKey b = std::move(a);
  EXPECT_EQ(b.commitment(), name);
  EXPECT_FALSE(a.is_secret());  // NOLINT(bugprone-use-after-move)
  EXPECT_THROW(a.words(), InternalError);
  EXPECT_THROW(a.derive("x"), InternalError);
  a = std::move(b);
  EXPECT_EQ(a.commitment(), name);
  EXPECT_THROW(b.words(), InternalError);  // NOLINT(bugprone-use-after-move)
}

TEST(SecretKey, BytesAreErasedOnDestructionAndMove) {
  alignas(SecretKey) unsigned char storage[sizeof(SecretKey)] = {};
  const auto holds = [&](const std::array<std::uint32_t, 8>& words) {
    return std::memcmp(storage, words.data(), sizeof(words)) == 0;
  };
  auto* key = new (storage) SecretKey(SecretKey::insecure_for_tests(5));
  const auto words = words_of(*key);
  ASSERT_TRUE(holds(words)) << "the test must look where the key lies";
  key->~SecretKey();
  const volatile unsigned char* seen = storage;
  for (std::size_t i = 0; i < sizeof(words); ++i) EXPECT_EQ(seen[i], 0);

  key = new (storage) SecretKey(SecretKey::insecure_for_tests(5));
  const SecretKey target = std::move(*key);
  for (std::size_t i = 0; i < sizeof(words); ++i) EXPECT_EQ(seen[i], 0);
  key->~SecretKey();
}

TEST(SecretKey, ForkedChildCannotUseTheKey) {
  const SecretKey key = SecretKey::from_operating_system();
  RandomStream stream(key, "test");
  stream.next_u64();
  const pid_t child = ::fork();
  if (child == 0) {
    int refused = 0;
    try {
      key.words();
    } catch (const InternalError&) {
      ++refused;
    }
    try {
      stream.next_u64();
    } catch (const InternalError&) {
      ++refused;
    }
    ::_exit(refused);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 2);
  EXPECT_NO_THROW(key.words());
}

ssize_t three_at_a_time(void* buffer, std::size_t size, unsigned) {
  static int call = 0;
  if (++call % 2 == 0) {
    errno = EINTR;
    return -1;
  }
  const std::size_t given = std::min<std::size_t>(3, size);
  std::memset(buffer, call, given);
  return static_cast<ssize_t>(given);
}
ssize_t failing(void*, std::size_t, unsigned) {
  errno = ENOSYS;
  return -1;
}
ssize_t empty_handed(void*, std::size_t, unsigned) {
  return 0;
}

TEST(SecretKey, EntropyIsCollectedThroughSignalsAndShortReads) {
  std::array<unsigned char, 32> bytes{};
  detail::fill_from_entropy(bytes, three_at_a_time);
  for (unsigned char byte : bytes) EXPECT_NE(byte, 0);
}

TEST(SecretKey, MissingEntropyIsAnError) {
  std::array<unsigned char, 32> bytes{};
  EXPECT_THROW(detail::fill_from_entropy(bytes, failing), IoError);
  EXPECT_THROW(detail::fill_from_entropy(bytes, empty_handed), IoError);
}

}  // namespace
}  // namespace sotto::privacy

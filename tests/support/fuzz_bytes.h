#pragma once
// What the fuzzers share: choices out of any bytes, and promises that end the program when they are broken, so that
// libFuzzer keeps the input.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace sotto::testing {

inline void check(bool promise) {
  if (!promise) std::abort();
}

// Bytes taken off the front, and zeros when none are left: every input decides something, and a longer one decides
// more.
class FuzzBytes {
 public:
  explicit FuzzBytes(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t next() {
    if (rest_.empty()) return 0;
    const std::uint8_t first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }
  // Byte 0 chooses the first.
  template <typename Choice, std::size_t count>
  const Choice& one_of(const std::array<Choice, count>& choices) {
    return choices[next() % count];
  }

 private:
  std::span<const std::uint8_t> rest_;
};

// The files of a corpus by name.
inline std::map<std::string, std::vector<std::uint8_t>> fuzz_corpus(const std::filesystem::path& folder) {
  std::map<std::string, std::vector<std::uint8_t>> result;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    result[entry.path().filename().string()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return result;
}

// With one to three bits changed, and in one of seven cases cut.
inline std::vector<std::uint8_t> damaged(std::vector<std::uint8_t> bytes, std::mt19937& random) {
  if (bytes.empty()) return bytes;
  for (auto flips = 1 + random() % 3; flips > 0; --flips)
    bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1U << (random() % 8));
  if (random() % 7 == 0) bytes.resize(random() % bytes.size());
  return bytes;
}

}  // namespace sotto::testing

#include <sotto/data/keyed_hash.h>
#include <sotto/privacy/sha256.h>

#include <string>

namespace sotto::data {

std::uint64_t keyed_hash(std::uint64_t seed, std::string_view purpose, std::string_view name) {
  constexpr int kBytes = 8;
  std::string message(purpose);
  message += '\0';
  for (int i = 0; i < kBytes; ++i) message += static_cast<char>(seed >> (8 * i) & 0xff);
  message += name;
  const auto digest = privacy::sha256(message);
  std::uint64_t result = 0;
  for (int i = kBytes - 1; i >= 0; --i) result = result << 8 | digest[static_cast<std::size_t>(i)];
  return result;
}

}  // namespace sotto::data

#pragma once
// A public pseudo-random number for a name: decides, the same way everywhere, which side of a split a record is on or
// which records of a group stay. The seed is no secret; nothing private rests on it.

#include <cstdint>
#include <string_view>

namespace sotto::data {

// The first 8 bytes, read as a little-endian number, of the SHA-256 of: `purpose`, a zero byte, `seed` as 8
// little-endian bytes, `name`.
std::uint64_t keyed_hash(std::uint64_t seed, std::string_view purpose, std::string_view name);

}  // namespace sotto::data

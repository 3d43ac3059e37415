#pragma once
// SHA-256 (FIPS 180-4) of a short text, through OpenSSL.

#include <array>
#include <string>
#include <string_view>

namespace sotto::privacy {

std::array<unsigned char, 32> sha256(std::string_view bytes);
// As 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);
// Whether `text` has the form that sha256_hex gives.
bool is_sha256_hex(std::string_view text);

}  // namespace sotto::privacy

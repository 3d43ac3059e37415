#pragma once
// Ed25519 signatures (RFC 8032) of files, with keys in PEM as OpenSSL writes them:
//
//   openssl genpkey -algorithm ed25519 -out private.pem
//   openssl pkey -in private.pem -pubout -out public.pem
//
// A signature is the 64 bytes that `openssl pkeyutl -verify -rawin` takes, so that anyone can check one without sotto.

#include <filesystem>
#include <string>
#include <string_view>

namespace sotto::privacy {

// 64 bytes; a function of key and message alone. Throws UsageError when the file holds no private key of Ed25519, or
// one that wants a password; IoError when it cannot be read.
std::string sign(std::string_view message, const std::filesystem::path& private_key);

// Whether `signature` is one of the message by the key's owner. Throws UsageError when the file holds no public key of
// Ed25519; IoError when it cannot be read.
bool is_signed(std::string_view message, std::string_view signature, const std::filesystem::path& public_key);

// SHA-256 of the key's 32 bytes, as hexadecimal digits: what its owner can read out to a reviewer. Throws as
// is_signed().
std::string public_key_fingerprint(const std::filesystem::path& public_key);

}  // namespace sotto::privacy

#pragma once
// The exact text of each kind of ledger line (schema 2), without the line feed. The reader accepts a line only when it
// equals the text that these functions give for what it says.
//
// Every line is a JSON object that ends with "previous", the hash of the line before it (64 zeros in the first), and
// "hash", the SHA-256 of its own text up to the comma before that key: a line that is changed is noticed in the line
// itself, the last one included.

#include <sotto/privacy/ledger_contents.h>

#include <optional>
#include <string>
#include <string_view>

namespace sotto::privacy::ledger_text {

inline constexpr int kSchema = 2;
// How lines begin that charge an evaluation, and no other line.
inline constexpr std::string_view kEvaluationStart = R"({"record":"e)";
// How lines begin that charge nothing - incarnations, checkpoints and certificates - and no other line.
inline constexpr std::string_view kIncarnationStart = R"({"record":"i)";
inline constexpr std::string_view kFileStart = R"({"record":"c)";
inline constexpr std::string_view kNoPrevious = "0000000000000000000000000000000000000000000000000000000000000000";

// "0x1.8p+1": every finite double >= 0 has one text, and it is exact.
std::string hexadecimal(double value);
// Throws std::invalid_argument for anything that hexadecimal() would not write.
double parse_hexadecimal(std::string_view text);

std::string header(const LedgerHeader& header, std::string_view previous);
// Counted from 1.
std::string incarnation(const LedgerIncarnation& incarnation, std::int64_t number, std::string_view previous);
// Another kind of release than those before; `number` is its place in LedgerContents::releases.
std::string release(const LedgerRelease& release, std::size_t number, std::string_view previous);
std::string reserve(std::int64_t step, std::size_t release, std::size_t incarnation, std::string_view previous);
std::string recovered(std::int64_t step, std::size_t release, std::string_view previous);
// Counted from 1.
std::string evaluation(std::int64_t number, std::size_t incarnation, std::string_view previous);
std::string evaluation_recovered(std::int64_t number, std::string_view previous);
std::string checkpoint(const LedgerCheckpoint& checkpoint, std::string_view previous);
std::string certificate(std::string_view sha256, std::string_view previous);

// What a line says of its own hash; empty where it has none in its place.
std::string_view stated_hash(std::string_view line);
// What it should say.
std::string hash_of(std::string_view line);
// The release that a torn line charges, where so much of it is there.
std::optional<std::size_t> torn_release(std::string_view line);

}  // namespace sotto::privacy::ledger_text

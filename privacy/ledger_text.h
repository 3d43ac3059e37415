#pragma once
// The exact text of each kind of ledger line, without the line feed. The reader accepts a line only when it equals the
// text that these functions give for what it says.

#include <sotto/privacy/ledger_contents.h>

#include <string>
#include <string_view>

namespace sotto::privacy::ledger_text {

inline constexpr int kSchema = 1;
// How every incarnation line begins, and no other.
inline constexpr std::string_view kIncarnationStart = R"({"record":"incarnation",)";
inline constexpr std::string_view kNoPrevious = "0000000000000000000000000000000000000000000000000000000000000000";

// "0x1.8p+1": every finite double >= 0 has one text, and it is exact.
std::string hexadecimal(double value);
// Throws std::invalid_argument for anything that hexadecimal() would not write.
double parse_hexadecimal(std::string_view text);

std::string header(const LedgerHeader& header, std::string_view previous);
std::string incarnation(const LedgerIncarnation& incarnation, std::int64_t number, std::string_view previous);
std::string event(const PoissonSampled& event, double sensitivity, std::string_view previous);
std::string reserve(std::int64_t step, const PoissonSampled& event, double sensitivity, std::string_view noise_key,
                    std::string_view previous);
std::string recovered(std::int64_t step, const PoissonSampled& event, double sensitivity, std::string_view previous);

}  // namespace sotto::privacy::ledger_text

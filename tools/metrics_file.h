#pragma once
// metrics.jsonl of a run: one JSON object a line.

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace sotto::tools {

// Adds a line and flushes it to the device; what a crash left of an unfinished one is cut off before. Throws IoError.
void append_metrics(const std::filesystem::path& path, std::string_view line);

// What its complete lines tell of at most; lines of another form are passed over.
struct ToldByMetrics {
  std::int64_t step = 0;
  std::int64_t evaluation = 0;  // of private records
  bool goes_back = false;       // a step comes after a later one, which no run with a ledger writes
};
// Throws IoError where the file cannot be read, DataError for numbers that no run reaches.
ToldByMetrics told_by_metrics(const std::filesystem::path& path);

}  // namespace sotto::tools

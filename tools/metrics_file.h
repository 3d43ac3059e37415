#pragma once
// metrics.jsonl of a run: one JSON object a line.

#include <filesystem>
#include <string_view>

namespace sotto::tools {

// Adds a line and flushes it to the device; what a crash left of an unfinished one is cut off before. Throws IoError.
void append_metrics(const std::filesystem::path& path, std::string_view line);

}  // namespace sotto::tools

#pragma once
// What the owner of the data should know about a file of texts. It counts and places private records: it is for the
// owner's terminal ONLY. Nothing of it may be written to a run folder, a log that others read, or a certificate; the
// same goes for the messages of the reader's errors.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sotto::data {

struct TextReport {
  std::filesystem::path path;
  std::int64_t records = 0;  // read
  std::int64_t dropped_by_rule = 0;
  std::int64_t dropped_repeats = 0;
  bool repeats_dropped = false;  // repeats were to be left out: of the same group, where there are groups
  bool has_groups = false;
  std::int64_t dropped_beyond_bound = 0;
  // For every text that occurs more than once among the records that the rule keeps, byte for byte: the lines on which
  // those records begin, ascending. Sorted by the first of them. Labels and groups may differ.
  // With `repeats_dropped` those alone that are still there more than once, under other labels or in other groups.
  std::vector<std::vector<std::int64_t>> repeats;
};

// Lines for the terminal, each with an end: what was read and dropped and, where texts repeat, the warning that one
// person may own several records, with the first `most` of the repeated texts by their lines.
std::string terminal_text(const TextReport& report, std::size_t most = 20);

}  // namespace sotto::data

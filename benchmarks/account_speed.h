#pragma once
// The table of the accountant's speed: every row of account_rows.h in a process of its own, beside its bar.

#include <sotto/benchmarks/account_rows.h>
#include <sotto/benchmarks/timing.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sotto::benchmarks {

struct AccountMeasurement {
  AccountRow row;
  std::string error;  // the sentence when there was no answer; what follows means nothing then
  AccountAnswer answer;
  Timing timing;
  int64_t peak_bytes = 0;  // of the process that did nothing else

  double width() const;
  // Answered, in time, narrow enough and in little enough memory.
  bool met() const;
};

// largest_runs >= 1 per row. Throws IoError when a process could not be made or was killed.
std::vector<AccountMeasurement> measure(const std::vector<AccountRow>& rows, int largest_runs);

std::string to_json(const std::vector<AccountMeasurement>& measurements);
// A table in Markdown.
std::string to_text(const std::vector<AccountMeasurement>& measurements);

}  // namespace sotto::benchmarks

#pragma once
// The questions that the accountant's speed is measured on, each with the bar it has to pass.

#include <sotto/privacy/bracket.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sotto::benchmarks {

// What a row answered. Renyi accounting and calibration give an upper end only.
struct AccountAnswer {
  std::optional<double> lower;
  double upper = 0;
};

struct AccountBar {
  double seconds = 0;
  std::optional<double> width;        // of the bracket
  std::optional<int64_t> peak_bytes;  // of the process
};

struct AccountRow {
  std::string name;      // "pld-1e-3"
  std::string question;  // "q 0.01, sigma 1, T 10000, delta 1e-05"
  std::string method;    // of accountant.h, or "certified"
  std::string quantity;  // "epsilon", "noise multiplier"
  AccountBar bar;
  std::function<AccountAnswer()> answer;
};

// All rows but that of the whole process, in the order of the table.
std::vector<AccountRow> account_rows();

// `program` account epsilon, started, run and ended, with its answer read from its JSON.
AccountRow process_row(const std::string& program);

}  // namespace sotto::benchmarks

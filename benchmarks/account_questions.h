#pragma once
// The same questions that other accountants are asked (benchmarks/compare_accountants.sh), answered in this process.

#include <sotto/privacy/accountant.h>

#include <string>
#include <vector>

namespace sotto::benchmarks {

// Poisson-sampled Gaussian releases under add-remove.
struct AccountQuestion {
  std::string label;
  privacy::AccountedEvents events;
  double delta = 0;
};

// Reads a table with the columns label, q, sigma, T and delta among others, the format of tests/golden: lines that
// begin with # are comments, then a header line, then rows separated by commas; q, sigma and T may hold a/b for two
// phases. Throws UsageError that names the line when it does not read.
std::vector<AccountQuestion> read_account_questions(const std::string& path);

// Epsilon of each question by every method that is certified, and by all of them together ("certified"), with brackets
// refined to `width`: {"answers":[{"label", "method", "lower", "upper", "seconds", "runs"} or {..., "error"}]}.
std::string answers_as_json(const std::vector<AccountQuestion>& questions, double width, int largest_runs);

}  // namespace sotto::benchmarks

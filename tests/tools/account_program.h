#pragma once
// Runs `sotto account ...` and reads what it prints.

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "program.h"

namespace sotto::tools::testing {

// `line` is split at spaces; the program runs in `folder` where one is given.
inline Outcome run_line(const std::string& line, const std::string& folder = ".") {
  std::istringstream words(line);
  std::vector<std::string> arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  return run(arguments, [folder] {
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
  });
}

inline nlohmann::json run_json(const std::string& line) {
  const Outcome outcome = run_line(line + " --json");
  EXPECT_EQ(outcome.exit_code, 0) << line << "\n" << outcome.err;
  if (outcome.exit_code != 0) return nlohmann::json::object();
  return nlohmann::json::parse(outcome.out);
}

// Exit code 64, nothing on the standard output, one line on the standard error that has all of `parts`.
inline void expect_usage_error(const std::string& line, const std::vector<std::string>& parts) {
  const Outcome outcome = run_line(line);
  EXPECT_EQ(outcome.exit_code, 64) << line;
  EXPECT_EQ(outcome.out, "") << line;
  EXPECT_EQ(outcome.err.rfind("sotto: ", 0), 0u) << line << "\n" << outcome.err;
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "not one line: " << outcome.err;
  for (const std::string& part : parts)
    EXPECT_NE(outcome.err.find(part), std::string::npos) << line << "\nlacks: " << part << "\n" << outcome.err;
}

inline std::string exact(double value) {
  std::ostringstream text;
  text.precision(17);
  text << value;
  return text.str();
}

}  // namespace sotto::tools::testing

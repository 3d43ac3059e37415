#pragma once
// The commands that a help text shows.

#include <sstream>
#include <string>
#include <vector>

namespace sotto::tools::testing {

// What follows "$ sotto " in the lines of a help text, without their remarks.
inline std::vector<std::string> help_examples(const std::string& help) {
  std::vector<std::string> result;
  std::istringstream lines(help);
  const std::string prompt = "  $ sotto ";
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(prompt)) result.push_back(line.substr(prompt.size(), line.find('#') - prompt.size()));
  return result;
}

}  // namespace sotto::tools::testing

#pragma once
// Files of a run that a test changes, and what fails then.

#include <sotto/tools/verification.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "../support/file_content.h"

namespace sotto::tools::testing {

using sotto::testing::content;
inline void put(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}
// Texts of the checks that fail, by subject.
inline std::map<std::string, std::string> failures(const Verification& found) {
  std::map<std::string, std::string> result;
  for (const Check& check : found.checks)
    if (check.outcome == Check::Outcome::fails) result[check.subject] = check.text;
  return result;
}
inline const Check& of(const Verification& found, const std::string& subject) {
  return *std::ranges::find(found.checks, subject, &Check::subject);
}

}  // namespace sotto::tools::testing

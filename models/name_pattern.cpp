#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/name_pattern.h>
#include <sotto/privacy/error.h>

#include <algorithm>

namespace sotto::models {
namespace {

constexpr std::size_t kMostListed = 12;

std::string listed(std::vector<std::string> names) {
  const std::size_t total = names.size();
  if (total > kMostListed) names.resize(kMostListed);
  return fmt::format("{}{}", fmt::join(names, ", "),
                     total > kMostListed ? fmt::format(" and {} more", total - kMostListed) : "");
}

}  // namespace

// Where a star fails, it takes one character more.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, after_star = std::string_view::npos, taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      taken = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (after_star != std::string_view::npos) {
      p = after_star;
      n = ++taken;
    } else {
      return false;
    }
  }
  return std::all_of(pattern.begin() + static_cast<std::ptrdiff_t>(p), pattern.end(), [](char c) { return c == '*'; });
}

std::vector<bool> matched(const std::string& what, const std::vector<std::string>& patterns,
                          const std::vector<std::string>& names) {
  if (patterns.empty()) throw UsageError(fmt::format("[{}] no pattern was given; must be at least one", what));
  std::vector<bool> result(names.size(), false);
  for (const std::string& pattern : patterns) {
    bool any = false;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (pattern.empty() || !matches(pattern, names[i])) continue;
      any = true;
      result[i] = true;
    }
    if (!any) throw UsageError(fmt::format("[{}] '{}' matches none of: {}", what, pattern, listed(names)));
  }
  return result;
}

}  // namespace sotto::models

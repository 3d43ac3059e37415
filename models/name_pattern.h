#pragma once
// Patterns for the names of layers and parameters: '*' stands for any characters, also none and also dots.

#include <string>
#include <string_view>
#include <vector>

namespace sotto::models {

bool matches(std::string_view pattern, std::string_view name);

// Whether any pattern matches, as a flag for each name. Throws UsageError that names `what` for an empty pattern, for
// one that no name matches, and for no patterns at all.
std::vector<bool> matched(const std::string& what, const std::vector<std::string>& patterns,
                          const std::vector<std::string>& names);

}  // namespace sotto::models

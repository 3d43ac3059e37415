#pragma once
// What the checks of many flags have in common. Each throws UsageError that names the flag, the value and what is
// allowed.

#include <initializer_list>
#include <string>

namespace sotto::tools {

// That a value is one of a few words.
void check_choice(const char* flag, const std::string& value, std::initializer_list<const char*> allowed);

// That a value is finite and above 0.
void check_above_zero(const char* flag, double value);

}  // namespace sotto::tools

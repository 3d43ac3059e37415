#pragma once
// The worked examples that `sotto account QUESTION --help` shows. A test runs them and compares what they print.

#include <string_view>

namespace sotto::tools {

// For "epsilon", "delta", "noise", "steps", "rate", "rdp", "compose", "compare" and "curve".
std::string_view account_example(std::string_view question);

}  // namespace sotto::tools

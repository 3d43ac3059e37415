#pragma once
// What --model, --input-type and --input mean.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::tools {

// Whether a value of --model means a file and no ready network: it ends in .ts or .pt, or holds a slash.
bool names_model_file(std::string_view text);

struct InputType {
  bool tokens = false;
  int64_t vocabulary = 0;  // tokens: they are 0 to vocabulary - 1
};

// "float" or "tokens:VOCABULARY" with a vocabulary of 1 to 2^31 - 1. Throws UsageError.
InputType parse_input_type(const std::string& text);

// "8x1x28x28": records, then the sizes of one of them. At least two records; sizes of at least 1, their product below
// 2^31. Throws UsageError.
std::vector<int64_t> parse_input_sizes(const std::string& text);

}  // namespace sotto::tools

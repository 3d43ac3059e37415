#pragma once
// Numbers in the JSON that commands print: JSON has no infinity.

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace sotto::tools {

// The number, or the text "inf".
inline nlohmann::ordered_json json_number(double value) {
  return std::isinf(value) ? nlohmann::ordered_json("inf") : nlohmann::ordered_json(value);
}

// The value, or null.
template <typename Value>
nlohmann::ordered_json json_value(const std::optional<Value>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

}  // namespace sotto::tools

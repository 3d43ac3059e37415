#pragma once
// Integers out of parsed JSON of nlohmann's library, whose own conversion is undefined for what no integer can hold.

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace sotto::privacy {

// Throws std::invalid_argument for 1.0, 1e300, "1" and what `Integer` cannot hold.
template <std::integral Integer = std::int64_t, class Json>
Integer json_integer(const Json& value) {
  if (value.is_number_unsigned() && std::in_range<Integer>(value.template get<std::uint64_t>()))
    return static_cast<Integer>(value.template get<std::uint64_t>());
  if (value.is_number_integer() && !value.is_number_unsigned() &&
      std::in_range<Integer>(value.template get<std::int64_t>()))
    return static_cast<Integer>(value.template get<std::int64_t>());
  throw std::invalid_argument("not an integer, or too large");
}

}  // namespace sotto::privacy

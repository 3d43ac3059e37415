#pragma once
// JSON text as a tree of values, read more strictly than the standard asks: for documents that a guarantee rests on.
//
// Refused with a UsageError that names the place: text that is not JSON, text after the document, an object that has a
// key twice or more keys than asked for, nesting deeper than kDeepestJson, numbers beyond the range of a
// double, and numbers other than zero that a double can only hold as zero (a sampling rate of 1e-400 is not 0). No text
// makes the reader recurse, and its memory is at most about sixty times the text.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sotto::privacy {

inline constexpr std::size_t kDeepestJson = 160;
inline constexpr std::size_t kLargestJsonObject = 16;

struct JsonMember;

struct JsonValue {
  using Array = std::vector<JsonValue>;
  using Object = std::vector<JsonMember>;  // in the order of the text

  // Numbers in plain digits that fit 64 bits are integers, all others are double.
  std::variant<std::nullptr_t, bool, int64_t, double, std::string, Array, Object> value;
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

// `function` begins the message of an error. No object may have more than `largest_object` keys.
JsonValue read_strict_json(std::string_view function, std::string_view text,
                           std::size_t largest_object = kLargestJsonObject);

// "an object", "a string", ...
std::string_view kind_of(const JsonValue& value);

}  // namespace sotto::privacy

#pragma once
// An object of a JSON file and its place in it, read key by key: errors name file and place. For readers of settings
// that refuse what they do not understand.

#include <sotto/privacy/strict_json.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sotto::privacy {

// What a message may repeat of a file that could hold anything: printable ASCII, cut short.
std::string shown(const std::string& text);
std::string shown(const JsonValue& value);

// Null, false, or an empty array or object.
bool is_off(const JsonValue& value);

// An integer or a number; nothing for any other kind.
std::optional<double> as_number(const JsonValue& value);

// The text of a file of settings as JSON. Throws DataError "[function] FILE: what" for text above `most_bytes` and for
// what read_strict_json() refuses.
JsonValue parse_settings(const char* function, const std::filesystem::path& file, const std::string& text,
                         std::size_t most_bytes, std::size_t largest_object);

// Refers to file and value, which must live longer. Every refusal is a DataError "[function] FILE: 'place' what".
class JsonNode {
 public:
  // `place` is empty for the whole document. Refuses a value that is no object.
  JsonNode(const char* function, const std::filesystem::path& file, std::string place, const JsonValue& value);

  // Null when there is none.
  const JsonValue* take(std::string_view key);
  const JsonValue& need(std::string_view key);
  template <typename Value>
  const Value& need(std::string_view key, std::string_view what) {
    return as<Value>(key, need(key), what);
  }
  bool flag(std::string_view key) { return need<bool>(key, "true or false"); }
  // `otherwise` when there is none.
  bool flag(std::string_view key, bool otherwise) {
    const JsonValue* value = take(key);
    return value == nullptr ? otherwise : as<bool>(key, *value, "true or false");
  }
  std::optional<bool> flag_or_null(std::string_view key);
  int64_t integer(std::string_view key, int64_t least, int64_t most);
  JsonNode inside(std::string_view key) { return {function_, file_, name(key), need(key)}; }
  JsonNode inside(std::string_view key, const JsonValue& value) const { return {function_, file_, name(key), value}; }
  JsonNode element(std::string_view key, std::size_t number, const JsonValue& value) const;

  // The value must be one of these: null, truths, integers and texts.
  void demand(std::string_view key, const std::vector<JsonValue>& allowed);
  // The same where there is one.
  void demand_if_given(std::string_view key, const std::vector<JsonValue>& allowed) {
    if (take(key) != nullptr) demand(key, allowed);
  }

  // Nothing may be left that was not taken.
  void end() const;
  // The same, but for what is off.
  void end_with_rest_off() const;

  const JsonValue::Object& members() const { return *object_; }

  // "'place' what", "'place.key' what", and "'place.key' is VALUE; must be ALLOWED".
  [[noreturn]] void refuse(const std::string& what) const;
  [[noreturn]] void refuse(std::string_view key, const std::string& what) const;
  [[noreturn]] void refuse(std::string_view key, const JsonValue& value, std::string_view allowed) const;

 private:
  template <typename Value>
  const Value& as(std::string_view key, const JsonValue& value, std::string_view what) const {
    if (const auto* inside = std::get_if<Value>(&value.value)) return *inside;
    refuse(key, value, what);
  }
  std::string name(std::string_view key) const;

  const char* function_;
  const std::filesystem::path& file_;
  std::string place_;
  const JsonValue::Object* object_;
  std::vector<bool> taken_;
};

}  // namespace sotto::privacy

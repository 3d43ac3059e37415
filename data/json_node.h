#pragma once
// An object of a JSON file and its place in it, read key by key: errors name file and place. For readers of settings
// that refuse what they do not understand.

#include <fmt/format.h>
#include <sotto/privacy/strict_json.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sotto::data {

// What a message may repeat of a file that could hold anything: printable ASCII, cut short.
std::string shown(const std::string& text);
std::string shown(const privacy::JsonValue& value);

// Null, false, or an empty array or object.
bool is_off(const privacy::JsonValue& value);

// Refers to file and value, which must live longer. Every refusal is a DataError "[function] FILE: PLACE what".
class JsonNode {
 public:
  using JsonValue = privacy::JsonValue;

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
  JsonNode inside(std::string_view key) { return {function_, file_, name(key), need(key)}; }
  JsonNode inside(std::string_view key, const JsonValue& value) const { return {function_, file_, name(key), value}; }
  JsonNode element(std::string_view key, std::size_t number, const JsonValue& value) const {
    return {function_, file_, fmt::format("{}[{}]", name(key), number), value};
  }

  // The value must be this one.
  template <typename Value>
  void demand(std::string_view key, const Value& allowed) {
    const JsonValue& value = need(key);
    const auto* got = std::get_if<Value>(&value.value);
    if (got == nullptr || *got != allowed)
      refuse(key, fmt::format("is {}; only {} is done here", shown(value), shown(JsonValue{allowed})));
  }
  void demand(std::string_view key, const char* allowed) { demand(key, std::string(allowed)); }

  // Nothing may be left that was not taken; with `off`, nothing that is on.
  void end(bool off = false) const;

  const JsonValue::Object& members() const { return *object_; }

  [[noreturn]] void refuse(const std::string& what) const;
  [[noreturn]] void refuse(std::string_view key, const std::string& what) const;

 private:
  template <typename Value>
  const Value& as(std::string_view key, const JsonValue& value, std::string_view what) const {
    if (const auto* inside = std::get_if<Value>(&value.value)) return *inside;
    refuse(key, fmt::format("is {}; {} is needed", shown(value), what));
  }
  std::string name(std::string_view key) const;

  const char* function_;
  const std::filesystem::path& file_;
  std::string place_;
  const JsonValue::Object* object_;
  std::vector<bool> taken_;
};

}  // namespace sotto::data

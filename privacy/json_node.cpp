#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/json_node.h>

#include <algorithm>
#include <utility>

namespace sotto::privacy {
namespace {

constexpr std::size_t kShownBytes = 40;
constexpr std::size_t kShownPlaceBytes = 160;

std::string shown(const std::string& text, std::size_t most) {
  std::string result = text.substr(0, most);
  std::ranges::replace_if(
      result, [](char c) { return c < ' ' || c > '~'; }, '?');
  return result == text ? "'" + result + "'" : "'" + result + "...'";
}

template <typename Value>
bool both_are(const JsonValue& value, const JsonValue& allowed) {
  const auto* one = std::get_if<Value>(&value.value);
  const auto* other = std::get_if<Value>(&allowed.value);
  return one != nullptr && other != nullptr && *one == *other;
}

bool is_same(const JsonValue& value, const JsonValue& allowed) {
  return both_are<std::nullptr_t>(value, allowed) || both_are<bool>(value, allowed) ||
         both_are<int64_t>(value, allowed) || both_are<std::string>(value, allowed);
}

// "a, b or c"
std::string choice(const std::vector<JsonValue>& allowed) {
  std::string text;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    if (i > 0) text += i + 1 == allowed.size() ? " or " : ", ";
    text += shown(allowed[i]);
  }
  return text;
}

}  // namespace

std::string shown(const std::string& text) {
  return shown(text, kShownBytes);
}

std::string shown(const JsonValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) return shown(*text);
  if (const auto* number = std::get_if<int64_t>(&value.value)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value.value)) return fmt::format("{}", *number);
  if (const auto* truth = std::get_if<bool>(&value.value)) return *truth ? "true" : "false";
  return std::string(kind_of(value));
}

bool is_off(const JsonValue& value) {
  if (const auto* truth = std::get_if<bool>(&value.value)) return !*truth;
  if (const auto* list = std::get_if<JsonValue::Array>(&value.value)) return list->empty();
  if (const auto* object = std::get_if<JsonValue::Object>(&value.value)) return object->empty();
  return std::holds_alternative<std::nullptr_t>(value.value);
}

std::optional<double> as_number(const JsonValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value.value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value.value)) return *number;
  return std::nullopt;
}

JsonValue parse_settings(const char* function, const std::filesystem::path& file, const std::string& text,
                         std::size_t most_bytes, std::size_t largest_object) {
  if (text.size() > most_bytes)
    throw DataError(
        fmt::format("[{}] {}: longer than {} bytes, the most that is read", function, file.string(), most_bytes));
  try {
    return read_strict_json(function, text, largest_object);
  } catch (const UsageError& error) {
    throw DataError(fmt::format("{} (in {})", error.what(), file.string()));
  }
}

JsonNode::JsonNode(const char* function, const std::filesystem::path& file, std::string place, const JsonValue& value)
    : function_(function),
      file_(file),
      place_(std::move(place)),
      object_(std::get_if<JsonValue::Object>(&value.value)) {
  if (object_ == nullptr) refuse(fmt::format("is {}; must be an object", shown(value)));
  taken_.resize(object_->size());
}

const JsonValue* JsonNode::take(std::string_view key) {
  const auto found = std::ranges::find(*object_, key, &JsonMember::key);
  if (found == object_->end()) return nullptr;
  taken_[static_cast<std::size_t>(found - object_->begin())] = true;
  return &found->value;
}

const JsonValue& JsonNode::need(std::string_view key) {
  if (const JsonValue* value = take(key)) return *value;
  refuse(key, "is missing");
}

std::optional<bool> JsonNode::flag_or_null(std::string_view key) {
  const JsonValue& value = need(key);
  if (std::holds_alternative<std::nullptr_t>(value.value)) return std::nullopt;
  return as<bool>(key, value, "true, false or null");
}

int64_t JsonNode::integer(std::string_view key, int64_t least, int64_t most) {
  const JsonValue& value = need(key);
  const auto* integer = std::get_if<int64_t>(&value.value);
  if (integer == nullptr || *integer < least || *integer > most)
    refuse(key, value, fmt::format("an integer from {} to {}", least, most));
  return *integer;
}

JsonNode JsonNode::element(std::string_view key, std::size_t number, const JsonValue& value) const {
  return {function_, file_, fmt::format("{}[{}]", name(key), number), value};
}

void JsonNode::demand(std::string_view key, const std::vector<JsonValue>& allowed) {
  const JsonValue& value = need(key);
  if (std::ranges::none_of(allowed, [&](const JsonValue& one) { return is_same(value, one); }))
    refuse(key, value, choice(allowed));
}

void JsonNode::end() const {
  for (std::size_t i = 0; i < taken_.size(); ++i)
    if (!taken_[i]) refuse((*object_)[i].key, "is not known here");
}

void JsonNode::end_with_rest_off() const {
  for (std::size_t i = 0; i < taken_.size(); ++i)
    if (const auto& [key, value] = (*object_)[i]; !taken_[i] && !is_off(value))
      refuse(key, value, "null, false or empty: what it asks for is not done here");
}

void JsonNode::refuse(const std::string& what) const {
  throw DataError(fmt::format("[{}] {}: {} {}", function_, file_.string(),
                              place_.empty() ? "the file" : shown(place_, kShownPlaceBytes), what));
}

void JsonNode::refuse(std::string_view key, const std::string& what) const {
  throw DataError(fmt::format("[{}] {}: {} {}", function_, file_.string(), shown(name(key), kShownPlaceBytes), what));
}

void JsonNode::refuse(std::string_view key, const JsonValue& value, std::string_view allowed) const {
  refuse(key, fmt::format("is {}; must be {}", shown(value), allowed));
}

std::string JsonNode::name(std::string_view key) const {
  return place_.empty() ? std::string(key) : fmt::format("{}.{}", place_, key);
}

}  // namespace sotto::privacy

#include <sotto/data/json_node.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace sotto::data {
namespace {

using privacy::JsonMember;
using privacy::JsonValue;

constexpr std::size_t kShownBytes = 40;

}  // namespace

std::string shown(const std::string& text) {
  std::string result = text.substr(0, kShownBytes);
  for (char& c : result)
    if (c < ' ' || c > '~') c = '?';
  return result == text ? "'" + result + "'" : "'" + result + "...'";
}

std::string shown(const JsonValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) return shown(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value.value)) return std::to_string(*number);
  if (const auto* truth = std::get_if<bool>(&value.value)) return *truth ? "true" : "false";
  return std::string(privacy::kind_of(value));
}

bool is_off(const JsonValue& value) {
  if (const auto* truth = std::get_if<bool>(&value.value)) return !*truth;
  if (const auto* list = std::get_if<JsonValue::Array>(&value.value)) return list->empty();
  if (const auto* object = std::get_if<JsonValue::Object>(&value.value)) return object->empty();
  return std::holds_alternative<std::nullptr_t>(value.value);
}

JsonNode::JsonNode(const char* function, const std::filesystem::path& file, std::string place, const JsonValue& value)
    : function_(function),
      file_(file),
      place_(std::move(place)),
      object_(std::get_if<JsonValue::Object>(&value.value)) {
  if (object_ == nullptr) refuse(fmt::format("is {}; an object is needed", privacy::kind_of(value)));
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
  refuse(fmt::format("has no key '{}'; it is needed", key));
}

void JsonNode::end(bool off) const {
  for (std::size_t i = 0; i < taken_.size(); ++i)
    if (!taken_[i] && !(off && is_off((*object_)[i].value)))
      refuse(fmt::format("has the key {}, which is not known here", shown((*object_)[i].key)));
}

void JsonNode::refuse(const std::string& what) const {
  throw DataError(fmt::format("[{}] {}: {} {}", function_, file_.string(), place_.empty() ? "the file" : place_, what));
}

void JsonNode::refuse(std::string_view key, const std::string& what) const {
  throw DataError(fmt::format("[{}] {}: {} {}", function_, file_.string(), name(key), what));
}

std::string JsonNode::name(std::string_view key) const {
  return place_.empty() ? std::string(key) : fmt::format("{}.{}", place_, key);
}

}  // namespace sotto::data

#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/strict_json.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace sotto::privacy {
namespace {

// What an error may repeat of a text that could hold anything.
std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 160;
  std::string shown(text.substr(0, kShown));
  for (char& c : shown)
    if (c < ' ' || c > '~') c = '?';
  return text.size() > kShown ? shown + "..." : shown;
}

// Called by the parser for every element; builds the tree without recursion.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(std::string_view function, std::size_t largest_object)
      : function_(function), largest_object_(largest_object) {}

  JsonValue take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(int64_t{value}); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<int64_t>::max()))
      return put(static_cast<double>(value));
    return put(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    const std::string_view mantissa = std::string_view(text).substr(0, text.find_first_of("eE"));
    if (value == 0 && mantissa.find_first_of("123456789") != std::string_view::npos)
      fail(fmt::format("number too small: {}; the smallest above 0 is 5e-324", printable(text)));
    if (!std::isfinite(value)) fail(fmt::format("number too large: {}; the largest is 1.79e308", printable(text)));
    return put(value);
  }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(JsonValue::Object{}); }
  bool key(string_t& name) override {
    auto& object = std::get<JsonValue::Object>(open_.back()->value);
    if (object.size() == largest_object_)
      fail(fmt::format("object with more than {} keys; no object that is allowed has as many", largest_object_));
    object.push_back({std::move(name), JsonValue{}});
    return true;
  }
  bool end_object() override {
    check_keys(std::get<JsonValue::Object>(open_.back()->value));
    return close();
  }
  bool start_array(std::size_t) override { return open(JsonValue::Array{}); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t byte, const std::string&, const nlohmann::json::exception& error) override {
    std::string_view what = error.what();
    if (const auto end = what.find("] "); what.starts_with("[json.exception") && end != std::string_view::npos)
      what.remove_prefix(end + 2);
    fail(fmt::format("not a JSON text at byte {}: {}", byte, printable(what)));
  }

 private:
  // Into the array or the object that is open.
  JsonValue& place() {
    if (open_.empty()) return root_;
    if (auto* array = std::get_if<JsonValue::Array>(&open_.back()->value)) return array->emplace_back();
    return std::get<JsonValue::Object>(open_.back()->value).back().value;
  }
  template <typename Value>
  bool put(Value&& value) {
    place().value = std::forward<Value>(value);
    return true;
  }
  template <typename Container>
  bool open(Container container) {
    if (open_.size() == kDeepestJson)
      fail(fmt::format("nested too deeply; allowed are {} levels of objects and arrays", kDeepestJson));
    JsonValue& value = place();
    value.value = std::move(container);
    open_.push_back(&value);  // stays where it is: its container grows again only after it is closed
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  void check_keys(const JsonValue::Object& object) const {
    std::vector<std::string_view> keys;
    for (const JsonMember& member : object) keys.push_back(member.key);
    std::ranges::sort(keys);
    const auto twice = std::ranges::adjacent_find(keys);
    if (twice != keys.end()) fail(fmt::format("key '{}' twice in one object; allowed is once", printable(*twice)));
  }
  [[noreturn]] void fail(const std::string& what) const { throw UsageError(fmt::format("[{}] {}", function_, what)); }

  std::string_view function_;
  std::size_t largest_object_;
  JsonValue root_;
  std::vector<JsonValue*> open_;
};

}  // namespace

JsonValue read_strict_json(std::string_view function, std::string_view text, std::size_t largest_object) {
  // The parser takes a zero byte for the end of the text.
  if (const auto zero = text.find('\0'); zero != std::string_view::npos)
    throw UsageError(fmt::format("[{}] not a JSON text at byte {}: a zero byte", function, zero));
  TreeBuilder builder(function, largest_object);
  const bool complete = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  SOTTO_ASSERT(complete);
  return builder.take();
}

std::string_view kind_of(const JsonValue& value) {
  constexpr std::string_view kKinds[] = {"null",     "a boolean", "an integer", "a number",
                                         "a string", "an array",  "an object"};
  return kKinds[value.value.index()];
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/data/json_fields.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace sotto::data {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDeepestNesting = 64;

// Takes the wanted fields as the parser meets them; a false answer stops it, and complaint() says why.
class FieldTaker final : public nlohmann::json_sax<Json> {
 public:
  explicit FieldTaker(std::span<const std::string> names) : names_(names), fields_(names.size()) {}

  const std::string& complaint() const { return complaint_; }
  const std::vector<std::optional<std::string>>& fields() const { return fields_; }

  bool null() override { return other("null"); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false", "true or false"); }
  bool number_integer(std::int64_t value) override { return scalar(std::to_string(value), "a number"); }
  bool number_unsigned(std::uint64_t value) override { return scalar(std::to_string(value), "a number"); }
  bool number_float(double /*value*/, const std::string& digits) override { return scalar(digits, "a number"); }
  bool binary(Json::binary_t& /*value*/) override { return other("binary"); }
  bool string(std::string& value) override {
    if (keys_.empty()) return no_object();
    if (!wanted_) return true;
    if (value.find('\0') != std::string::npos)
      return complain(fmt::format("the field '{}' holds a zero character", names_[*wanted_]));
    return take(value);
  }
  bool start_object(std::size_t /*size*/) override { return (keys_.empty() || other("an object")) && open(); }
  bool start_array(std::size_t /*size*/) override { return other("a list") && open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (!keys_.back().insert(name).second) return complain("a name occurs twice in one object");
    if (keys_.size() > 1) return true;
    const auto found = std::ranges::find(names_, name);
    if (found != names_.end()) wanted_ = static_cast<std::size_t>(found - names_.begin());
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& /*error*/) override {
    return complain(fmt::format("not JSON from about byte {} on", position));
  }

 private:
  bool complain(std::string what) {
    complaint_ = std::move(what);
    return false;
  }
  bool no_object() { return complain("not a JSON object"); }
  bool other(const char* kind) {
    if (keys_.empty()) return no_object();
    if (wanted_) return complain(fmt::format("the field '{}' is {}; it must be a string", names_[*wanted_], kind));
    return true;
  }
  bool scalar(const std::string& text, const char* kind) {
    if (keys_.empty() || wanted_ == 0) return other(kind);
    return !wanted_ || take(text);
  }
  bool take(std::string value) {
    fields_[*wanted_] = std::move(value);
    wanted_.reset();
    return true;
  }
  bool open() {
    if (keys_.size() == kDeepestNesting) return complain(fmt::format("nested deeper than {} levels", kDeepestNesting));
    keys_.emplace_back();
    return true;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  std::span<const std::string> names_;
  std::vector<std::optional<std::string>> fields_;
  std::optional<std::size_t> wanted_;        // whose value comes next
  std::vector<std::set<std::string>> keys_;  // of the objects, and empty ones for the lists, that are open
  std::string complaint_;
};

}  // namespace

std::vector<std::string> json_fields(const std::string& line, std::span<const std::string> names,
                                     const TextLines& lines) {
  FieldTaker taker(names);
  if (!Json::sax_parse(line, &taker)) lines.refuse(taker.complaint());
  std::vector<std::string> result;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!taker.fields()[i]) lines.refuse(fmt::format("no field '{}'", names[i]));
    result.push_back(*taker.fields()[i]);
  }
  return result;
}

}  // namespace sotto::data

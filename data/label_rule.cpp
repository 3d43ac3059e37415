#include <fmt/format.h>
#include <sotto/data/classes.h>
#include <sotto/data/label_rule.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

namespace sotto::data {
namespace {

constexpr std::string_view kArrow = "->", kDropWord = "drop ", kRangeWord = "range ", kBlanks = " \t";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> finite(std::string_view text) {
  const auto value = number<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::vector<std::string_view> parts(std::string_view text) {
  std::vector<std::string_view> result;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    result.push_back(trimmed(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return result;
}

// The text after the word; nothing when it does not begin with the word.
std::optional<std::string_view> after(std::string_view text, std::string_view word) {
  if (!text.starts_with(word)) return std::nullopt;
  return trimmed(text.substr(word.size()));
}

}  // namespace

void LabelRule::refuse(const std::string& what) const {
  throw UsageError(
      fmt::format("[LabelRule] '{}': {}; allowed are 'negative, positive, drop neutral', '<0 -> 0, >0 -> 1, drop 0' "
                  "(with <, <=, > and >=) and 'range -4 4'",
                  text_, what));
}

LabelRule LabelRule::parse(std::string_view text) {
  LabelRule rule;
  rule.text_ = trimmed(text);
  if (rule.text_.find(kArrow) != std::string::npos) {
    rule.read_clauses();
  } else if (const auto ends = after(rule.text_, kRangeWord)) {
    rule.read_range(*ends);
  } else {
    rule.read_names();
  }
  return rule;
}

void LabelRule::read_names() {
  for (const std::string_view part : parts(text_)) {
    if (part == trimmed(kDropWord)) refuse("'drop' says no label; the label follows it, as in 'drop neutral'");
    const auto dropped = after(part, kDropWord);
    (dropped ? dropped_names_ : class_names_).emplace_back(dropped.value_or(part));
  }
  if (!are_class_names(class_names_))
    refuse(fmt::format("{} classes; {} to {} distinct names are needed, none empty", class_names_.size(), kMinClasses,
                       kMaxClasses));
  std::set<std::string> known(class_names_.begin(), class_names_.end());
  for (const std::string& name : dropped_names_)
    if (name.empty() || !known.insert(name).second) refuse(fmt::format("the name '{}' is empty or repeated", name));
}

void LabelRule::read_range(std::string_view ends) {
  const std::size_t blank = std::min(ends.find_first_of(kBlanks), ends.size());
  const auto low = finite(ends.substr(0, blank)), high = finite(trimmed(ends.substr(blank)));
  if (!low || !high || !(*low < *high)) refuse("a range needs two numbers, the first below the second");
  if (!std::isfinite(2 * (*high - *low))) refuse("the range is wider than floating-point numbers can scale");
  clauses_.push_back({.low = *low, .high = *high});
}

LabelRule::Clause LabelRule::clause(std::string_view text) const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto value = [this](std::string_view digits) {
    const auto result = finite(digits);
    if (!result) refuse(fmt::format("'{}' is not a number", digits));
    return *result;
  };
  if (text.empty()) refuse("a clause says no numbers");
  if (text[0] != '<' && text[0] != '>') return {.low = value(text), .high = value(text)};
  Clause result{.low = -kInfinity, .high = kInfinity};
  while (!text.empty()) {
    const bool above = text[0] == '>';
    const std::size_t sign = text.size() > 1 && text[1] == '=' ? 2 : 1;
    const std::size_t end = std::min(text.find_first_of("<>", sign), text.size());
    double& bound = above ? result.low : result.high;
    if (std::isfinite(bound)) refuse("a clause has two bounds on one side");
    bound = value(trimmed(text.substr(sign, end - sign)));
    (above ? result.low_open : result.high_open) = sign == 1;
    text.remove_prefix(end);
  }
  if (!overlap(result, result)) refuse("no number fits a clause");
  return result;
}

bool LabelRule::overlap(const Clause& a, const Clause& b) {
  const double low = std::max(a.low, b.low), high = std::min(a.high, b.high);
  const auto open = [](const Clause& c, double at) {
    return (at == c.low && c.low_open) || (at == c.high && c.high_open);
  };
  return low < high || (low == high && !open(a, low) && !open(b, low));
}

void LabelRule::read_clauses() {
  std::set<int> labels;
  for (const std::string_view part : parts(text_)) {
    Clause read;
    if (const auto dropped = after(part, kDropWord)) {
      read = clause(*dropped);
    } else {
      const std::size_t arrow = std::min(part.find(kArrow), part.size());
      const auto label =
          number<int>(arrow < part.size() ? trimmed(part.substr(arrow + kArrow.size())) : part.substr(arrow));
      if (!label || *label < 0 || *label >= static_cast<int>(kMaxClasses))
        refuse(fmt::format("'{}' names no class from 0 to {}", part, kMaxClasses - 1));
      read = clause(trimmed(part.substr(0, arrow)));
      read.label = *label;
      labels.insert(*label);
    }
    for (const Clause& other : clauses_)
      if (overlap(read, other)) refuse("a number fits two clauses");
    clauses_.push_back(read);
  }
  if (labels.size() < kMinClasses || *labels.rbegin() != static_cast<int>(labels.size()) - 1)
    refuse(fmt::format("classes must be 0, 1 and so on without gaps, at least {}", kMinClasses));
  for (const int label : labels) class_names_.push_back(std::to_string(label));
}

std::string LabelRule::listed() const {
  constexpr std::size_t kMostListed = 10;
  return class_names_.size() > kMostListed ? "" : fmt::format(": {}", fmt::join(class_names_, ", "));
}

LabelRule::Verdict LabelRule::judge(std::string_view field) const {
  using Kind = Verdict::Kind;
  if (clauses_.empty()) {
    const auto found = std::ranges::find(class_names_, field);
    if (found != class_names_.end())
      return {.kind = Kind::labelled, .label = static_cast<double>(found - class_names_.begin()), .reason = {}};
    if (std::ranges::find(dropped_names_, field) != dropped_names_.end()) return {.kind = Kind::dropped, .reason = {}};
    return {.reason = fmt::format("the label is not among the {} declared classes{}", class_names_.size(), listed())};
  }
  const auto value = finite(field);
  if (!value) return {.reason = "the label is not a number (with a point, where it is no whole one)"};
  const Clause point{.low = *value, .high = *value};
  const auto found = std::ranges::find_if(clauses_, [&point](const Clause& c) { return overlap(c, point); });
  if (is_range()) {
    if (found != clauses_.end()) return {.kind = Kind::labelled, .label = *value, .reason = {}};
    return {.reason = fmt::format("the label is outside of the declared range {} to {}", low(), high())};
  }
  if (found == clauses_.end()) return {.reason = "the label is a number that no clause of the rule names"};
  if (found->label == kDrop) return {.kind = Kind::dropped, .reason = {}};
  return {.kind = Kind::labelled, .label = static_cast<double>(found->label), .reason = {}};
}

}  // namespace sotto::data

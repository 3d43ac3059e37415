#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/config_file.h>
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>
#include <vector>

namespace sotto::tools {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

// "; did you mean ...?", where a key is near.
std::string nearest_key(std::string_view name) {
  const auto keys = train_keys();
  const auto distance = [&](const TrainKey& key) { return edit_distance(name, key.name); };
  const TrainKey& key = *std::ranges::min_element(keys, {}, distance);
  return 2 * distance(key) > name.size() ? "" : fmt::format("; did you mean '{}'?", key.name);
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw UsageError(fmt::format("[--config] {}: {}", path.string(), what));
}

// Settings are key = value. toml++ 3.3, whose behaviour is undefined for some other texts, gets nothing else to read:
// no table headers, and no letters outside ASCII where it looks for white space, which is outside of texts and
// comments, and after a line of a text that ends with a backslash.
void require_settings(std::string_view text, const std::filesystem::path& source) {
  constexpr unsigned char kLastAscii = 0x7f;
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::string_view quote;  // that a text ends with, while one is read
  bool comment = false;
  int line = 1, equals = 0;  // signs of the line
  char last = 0;             // of the line, white space left out: texts begin a line, or follow its first equals sign
  const auto refuse_line = [&](const char* what) { refuse(source, fmt::format("line {}: {}", line, what)); };
  for (std::size_t at = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0; at < text.size(); ++at) {
    const char c = text[at];
    const std::string_view rest = text.substr(at);
    if (c == '\n') {
      if (quote.size() == 1) refuse_line("not TOML: a text must end on its line");
      comment = false;
      ++line;
      if (quote.empty()) last = 0, equals = 0;
    } else if (comment) {
      continue;
    } else if (quote.empty()) {
      if (c == '[' || c == '{') refuse_line("a list or table; settings are key = value");
      if (static_cast<unsigned char>(c) > kLastAscii) refuse_line("not TOML: a letter outside ASCII and quotes");
      comment = c == '#';
      const bool opens = c == '"' || c == '\'';
      if (opens && (last == 0 ? equals != 0 : last != '=' || equals != 1))
        refuse_line("not TOML: a text within a value");
      equals += c == '=' ? 1 : 0;
      if (c != ' ' && c != '\t' && c != '\r') last = c;
      if (opens) quote = rest.substr(0, rest.starts_with(std::string(3, c)) ? 3 : 1);
      if (!quote.empty()) at += quote.size() - 1;
    } else if (c == '\\' && quote[0] == '"') {
      if (rest.find_first_not_of(" \t\r", 1) == rest.find('\n')) refuse_line("a text whose line ends with a backslash");
      if (static_cast<unsigned char>(rest[1]) > kLastAscii) refuse_line("not TOML: a letter after a backslash");
      ++at;
    } else if (rest.starts_with(quote)) {
      at += quote.size() - 1;
      quote = {};
    }
  }
}

std::string value_text(const std::filesystem::path& path, const TrainKey& key, const toml::node& node) {
  switch (key.kind()) {
    case TrainKey::Kind::text:
      if (const auto* text = node.as_string()) return text->get();
      refuse(path, fmt::format("the value of '{}' must be a text in quotes", key.name));
    case TrainKey::Kind::flag:
      if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
      refuse(path, fmt::format("the value of '{}' must be true or false", key.name));
    case TrainKey::Kind::integer:
      if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
      refuse(path, fmt::format("the value of '{}' must be an integer", key.name));
    case TrainKey::Kind::real:
      if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
      if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
      refuse(path, fmt::format("the value of '{}' must be a number", key.name));
  }
  throw InternalError("[--config] unknown kind of key");
}

std::string toml_text(const TrainKey& key, const std::string& value) {
  if (key.kind() == TrainKey::Kind::real && value == "-0") return "-0.0";  // -0 is an integer in TOML
  if (key.kind() != TrainKey::Kind::text) return value;
  // JSON's escapes are among those of TOML, which wants one for the delete character too.
  std::string quoted = nlohmann::json(value).dump();
  for (std::size_t at = 0; (at = quoted.find('\x7f', at)) != std::string::npos;) quoted.replace(at, 1, "\\u007f");
  return quoted;
}

}  // namespace

KeyTexts read_config(const std::filesystem::path& path) {
  std::error_code ignored;
  std::ifstream stream(path, std::ios::binary);
  if (!stream || !std::filesystem::is_regular_file(path, ignored)) refuse(path, "there is no such file to read");
  std::ostringstream text;
  text << stream.rdbuf();
  return parse_config(text.view(), path);
}

KeyTexts parse_config(std::string_view text, const std::filesystem::path& source) {
  require_settings(text, source);
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    refuse(source, fmt::format("not TOML, line {}: {}", error.source().begin.line, error.description()));
  }
  KeyTexts result;
  for (const auto& [name, node] : table) {
    const TrainKey* key = find_train_key(name.str());
    if (name.str() == "output" || name.str() == "json" || name.str() == "config")
      refuse(source, fmt::format("'{}' is given on the command line only", name.str()));
    if (key == nullptr) refuse(source, fmt::format("unknown key '{}'{}", name.str(), nearest_key(name.str())));
    result[std::string(name.str())] = value_text(source, *key, node);
  }
  return result;
}

std::string format_config(const TrainOptions& options, const std::string& heading) {
  std::string text;
  std::istringstream lines(heading);
  for (std::string line; std::getline(lines, line);) text += "# " + line + "\n";
  for (const TrainKey& key : train_keys()) {
    const auto value = key.get(options);
    if (!value) continue;
    text += fmt::format("{} = {}\n", key.name, toml_text(key, *value));
  }
  return text;
}

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/data/utf8.h>
#include <sotto/tools/html_text.h>

namespace sotto::tools {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

void append(std::string& result, char c) {
  switch (c) {
    case '&':
      result += "&amp;";
      return;
    case '<':
      result += "&lt;";
      return;
    case '>':
      result += "&gt;";
      return;
    case '"':
      result += "&quot;";
      return;
    case '\'':
    case '\t':
    case '\n':
    case '\r':
      result += fmt::format("&#{};", static_cast<int>(c));
      return;
    default:
      if ((static_cast<unsigned char>(c) < ' ') || c == '\x7F')
        result += kReplacement;
      else
        result += c;
  }
}

// Length of what begins at the front of well-formed UTF-8 and no markup can hold: U+0080 to U+009F, U+FFFE, U+FFFF.
std::size_t forbidden(std::string_view text) {
  if (text.starts_with('\xC2') && static_cast<unsigned char>(text[1]) < 0xA0) return 2;
  if (text.starts_with("\xEF\xBF\xBE") || text.starts_with("\xEF\xBF\xBF")) return 3;
  return 0;
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = data::first_invalid_utf8(text).value_or(text.size());
    for (std::size_t at = 0; at < valid;) {
      if (const std::size_t length = forbidden(text.substr(at, valid - at)); length > 0) {
        result += kReplacement;
        at += length;
      } else {
        append(result, text[at++]);
      }
    }
    text.remove_prefix(valid);
    if (text.empty()) break;
    result += kReplacement;
    text.remove_prefix(1);
  }
  return result;
}

}  // namespace sotto::tools

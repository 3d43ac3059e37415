#include "ledger_lines.h"

#include <sotto/privacy/sha256.h>

#include <algorithm>

#include "ledger_kinds.h"

namespace sotto::privacy::testing {
namespace {

using sotto::testing::FuzzBytes;

constexpr std::size_t kMostLines = 40;

class Maker {
 public:
  explicit Maker(FuzzBytes& bytes) : bytes_(bytes) {}

  MadeLedger make() {
    so_far_.made.allowed = true;
    append(header_line(bytes_, so_far_));
    while (!bytes_.empty() && so_far_.made.complete < static_cast<std::int64_t>(kMostLines)) {
      const unsigned kind = bytes_.next();
      if (kind >= 248) {
        tear(any_line(bytes_, so_far_, bytes_.next()));
        break;
      }
      append(any_line(bytes_, so_far_, kind));
    }
    return so_far_.made;
  }

 private:
  // The whole text of a line, or one with another text for the same.
  std::pair<std::string, bool> finished(const Line& line) {
    const unsigned twist = bytes_.next();
    std::string body = line.body;
    std::string previous = previous_;
    if (twist == 240) body += R"(,"more":1)";
    if (twist == 241) body.insert(1, " ");
    if (twist == 242) previous[0] = previous[0] == '0' ? '1' : '0';
    if (twist == 243) body.insert(1, R"("record":"reserve",)");
    std::string text = body + R"(,"previous":")" + previous + "\"";
    std::string hash = sha256_hex(text);
    if (twist == 244) hash[63] = hash[63] == '0' ? '1' : '0';
    if (twist == 245) std::ranges::transform(hash, hash.begin(), [](char c) { return c == 'a' ? 'A' : c; });
    const bool upper = twist == 245 && hash.find('A') != std::string::npos;
    text += R"(,"hash":")" + hash + "\"}";
    if (twist == 246) text += "\r";
    if (twist == 247) text.insert(text.size() - 1, " ");
    return {text, !(twist >= 240 && twist <= 247) || (twist == 245 && !upper)};
  }

  void append(const Line& line) {
    const auto [text, right] = finished(line);
    so_far_.made.text += text + "\n";
    ++so_far_.made.complete;
    previous_ = sha256_hex(text.substr(0, text.rfind(R"(,"hash":")")));
    so_far_.made.allowed = so_far_.made.allowed && line.allowed && right;
    if (!so_far_.made.allowed) return;
    if (line.stated) so_far_.releases.push_back(*line.stated);
    if (line.time) {
      so_far_.times.push_back(*line.time);
      so_far_.noise_keys.insert(line.noise_key);
      so_far_.sampler_keys.insert(line.sampler_key);
    }
    if (line.evaluates) so_far_.evaluate();
    if (line.charged) {
      so_far_.charge(*line.charged);
      so_far_.made.last_step = line.step;
    }
  }

  // A line of which only the beginning was written. What is there says that it charges nothing, or names a release, or
  // may have named any.
  void tear(const Line& line) {
    const auto [text, right] = finished(line);
    const std::size_t there = 1 + (std::size_t{bytes_.next()} * 3 + bytes_.next()) % text.size();
    const std::string torn = text.substr(0, there);
    so_far_.made.text += torn;
    so_far_.made.torn = true;
    if (!so_far_.made.allowed) return;
    if (torn.starts_with(R"({"record":"i)") || torn.starts_with(R"({"record":"c)") || so_far_.times.empty()) return;
    constexpr std::string_view kEvaluation = R"({"record":"e)";
    const bool evaluation = torn.starts_with(kEvaluation) && so_far_.planned_evaluations > 0;
    if ((evaluation || kEvaluation.starts_with(torn)) && so_far_.made.evaluations < so_far_.planned_evaluations)
      so_far_.evaluate();
    if (evaluation) return;
    const std::size_t at = torn.find(R"(,"release":)");
    const std::size_t named = line.charged.value_or(so_far_.releases.size());
    const bool is_named = torn.starts_with(R"({"record":"reserve","step":)") && at != std::string::npos &&
                          torn.find(',', at + 1) != std::string::npos && line.step >= 0 &&
                          named < so_far_.releases.size();
    for (std::size_t release = 0; release < so_far_.releases.size(); ++release) {
      if ((is_named && named != release) || so_far_.left() <= 0) continue;
      so_far_.charge(release);
      ++so_far_.made.last_step;
    }
  }

  FuzzBytes& bytes_;
  LedgerSoFar so_far_;
  std::string previous_ = std::string(64, '0');
};

}  // namespace

MadeLedger make_ledger(FuzzBytes& bytes) {
  return Maker(bytes).make();
}

std::string with_right_hashes(std::string_view text) {
  const bool first_schema = text.substr(0, text.find('\n')).find(R"("schema":1)") != std::string_view::npos;
  std::string result;
  std::string previous(64, '0');
  for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    std::string line(text.substr(0, end));
    if (const std::size_t at = line.rfind(R"(,"previous":")"); at != std::string::npos)
      line.resize(at);
    else if (line.ends_with('}'))
      line.pop_back();
    line += R"(,"previous":")" + previous + "\"";
    if (first_schema) line += "}";
    previous = sha256_hex(line);
    if (!first_schema) line += R"(,"hash":")" + previous + "\"}";
    result += line + "\n";
  }
  return result.append(text);
}

}  // namespace sotto::privacy::testing

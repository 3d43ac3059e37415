#include "ledger_lines.h"

#include <sotto/privacy/sha256.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <vector>

namespace sotto::privacy::testing {
namespace {

using sotto::testing::FuzzBytes;

constexpr std::int64_t kLargestCount = 9007199254740992;  // 2^53
constexpr std::size_t kMostLines = 40;

// A value as it is written, and what it means; nothing when it may not stand there at all.
template <typename Value>
struct Written {
  const char* text;
  std::optional<Value> value;
};

constexpr std::array<Written<double>, 19> kDoubles = {{{"\"0x1p-1\"", 0.5},
                                                       {"\"0x1p+0\"", 1.0},
                                                       {"\"0x1.999999999999ap-4\"", 0.1},
                                                       {"\"0x0p+0\"", 0.0},
                                                       {"\"0x0.0000000000001p-1022\"", 0x1p-1074},
                                                       {"\"0x1.fffffffffffffp-1\"", 0x1.fffffffffffffp-1},
                                                       {"\"0x1.0000000000001p+0\"", 0x1.0000000000001p+0},
                                                       {"\"0x1.fffffffffffffp+1023\"", 0x1.fffffffffffffp+1023},
                                                       {"\"0x1p-1074\"", {}},
                                                       {"\"0x1.0p-1\"", {}},
                                                       {"\"0X1P-1\"", {}},
                                                       {"\"0x1p-1 \"", {}},
                                                       {"\"0x8p-4\"", {}},
                                                       {"\"-0x0p+0\"", {}},
                                                       {"\"-0x1p-1\"", {}},
                                                       {"\"0xinf\"", {}},
                                                       {"\"0xnan\"", {}},
                                                       {"\"0x1p+1024\"", {}},
                                                       {"0.5", {}}}};

constexpr std::array<Written<std::int64_t>, 12> kCounts = {{{"100", 100},
                                                            {"1", 1},
                                                            {"9007199254740992", kLargestCount},
                                                            {"0", 0},
                                                            {"-1", -1},
                                                            {"9007199254740993", kLargestCount + 1},
                                                            {"9223372036854775807", {}},
                                                            {"18446744073709551615", {}},
                                                            {"1.0", {}},
                                                            {"1e2", {}},
                                                            {"\"1\"", {}},
                                                            {"true", {}}}};

constexpr std::array<Written<bool>, 10> kNames = {{{"\"flat\"", true},
                                                   {"\"\xc3\xa9\"", true},
                                                   {"\"\\u0001\\n\\\"\"", true},
                                                   {"\"\x7f\"", true},
                                                   {"\"\"", false},
                                                   {"\"\\u0066lat\"", {}},
                                                   {"\"\xff\"", {}},
                                                   {"\"a\\/b\"", {}},
                                                   {"null", {}},
                                                   {"[\"flat\"]", {}}}};

constexpr std::array<Written<std::string_view>, 7> kTimes = {{{"\"2026-01-31T23:59:59Z\"", "2026-01-31T23:59:59Z"},
                                                              {"\"2026-02-01T00:00:00Z\"", "2026-02-01T00:00:00Z"},
                                                              {"\"1999-12-31T23:59:59Z\"", "1999-12-31T23:59:59Z"},
                                                              {"\"2026-01-31T23:59:59\"", {}},
                                                              {"\"2026-01-31 23:59:59Z\"", {}},
                                                              {"\"2026-01-31T23:59:5/Z\"", {}},
                                                              {"\"\"", {}}}};

struct Text {
  std::string text;
  bool allowed = true;

  template <typename Value>
  std::optional<Value> put(const Written<Value>& written) {
    text += written.text;
    allowed &= written.value.has_value();
    return written.value;
  }
};

struct Release {
  double sampling_rate = 0;
  double noise_multiplier = 0;
};

class Maker {
 public:
  explicit Maker(FuzzBytes& bytes) : bytes_(bytes) {}

  MadeLedger make() {
    made_.allowed = true;
    append(header());
    while (!bytes_.empty() && made_.complete < static_cast<std::int64_t>(kMostLines)) {
      const unsigned kind = bytes_.next();
      if (kind >= 248) {
        tear(line(bytes_.next()));
        break;
      }
      append(line(kind));
    }
    return made_;
  }

 private:
  // What a line says, up to "previous"; and what it does where it is allowed.
  struct Line {
    std::string body;
    bool allowed = true;
    std::optional<Release> stated = {};
    std::optional<std::size_t> charged = {};
    bool evaluates = false;
    std::int64_t step = -1;
    std::optional<std::string_view> time = {};
    std::string noise_key = {}, sampler_key = {};
  };

  // Most often a step, since most lines of a ledger are.
  Line line(unsigned kind) {
    switch (kind % 8) {
      case 0:
      case 1:
        return step("reserve");
      case 2:
        return step("recovered");
      case 3:
      case 4:
        return incarnation();
      case 5:
        return release();
      case 6:
        return bytes_.next() % 2 == 0 ? checkpoint() : certificate();
      default:
        break;
    }
    if (kind % 16 == 7) return header();
    if (kind % 32 == 15) return evaluation();
    Line other = step("reserve");
    other.body.replace(other.body.find("reserve"), 7, bytes_.next() % 2 == 0 ? "event" : "Reserve");
    other.allowed = false;
    return other;
  }

  // Sampler, noise and sensitivity.
  std::optional<Release> parameters(Text& text) {
    text.text += R"("sampler":"poisson","sampling_rate":)";
    const auto rate = text.put(bytes_.one_of(kDoubles));
    text.text += R"(,"mechanism":"gaussian","noise_multiplier":)";
    const auto noise = text.put(bytes_.one_of(kDoubles));
    text.text += R"(,"sensitivity":)";
    const auto sensitivity = text.put(bytes_.one_of(kDoubles));
    text.allowed = text.allowed && *rate <= 1 && *sensitivity > 0;
    if (!text.allowed) return std::nullopt;
    return Release{*rate, *noise};
  }

  std::int64_t count(Text& text) {
    const auto value = text.put(bytes_.one_of(kCounts));
    text.allowed = text.allowed && *value >= 1 && *value <= kLargestCount;
    return text.allowed ? *value : 0;
  }

  Line header() {
    constexpr std::array<Written<bool>, 4> kAdjacencies = {
        {{R"("add-remove")", true}, {R"("zero-out")", true}, {R"("replace-one")", true}, {R"("other")", {}}}};
    constexpr std::array<Written<bool>, 3> kUnits = {{{R"("record")", true}, {R"("group")", true}, {R"("user")", {}}}};
    constexpr std::array<Written<bool>, 3> kStamps = {{{R"("")", true}, {R"("NOT PRIVATE")", false}, {R"(" ")", {}}}};
    constexpr std::array<Written<bool>, 6> kParameters = {{{"{}", true},
                                                           {R"({"a":"0x0p+0","b":"0x1p-1"})", true},
                                                           {R"({"b":"0x0p+0","a":"0x1p-1"})", {}},
                                                           {R"({"a":"-0x1p-1"})", {}},
                                                           {R"({"a":"0x1p-1","a":"0x1p-1"})", {}},
                                                           {R"(["0x1p-1"])", {}}}};
    constexpr std::array<Written<bool>, 4> kSchemas = {{{"2", true}, {"3", {}}, {"2.0", {}}, {"1", {}}}};
    Text text;
    text.text = R"({"record":"header","schema":)";
    const unsigned shape = bytes_.next();
    text.put(shape < 240 ? kSchemas[0] : bytes_.one_of(kSchemas));
    text.text += R"(,"run":)";
    text.put(bytes_.one_of(kNames));  // may be empty
    text.text += R"(,"adjacency":)";
    text.put(bytes_.one_of(kAdjacencies));
    text.text += R"(,"unit":)";
    text.put(bytes_.one_of(kUnits));
    text.text += R"(,"dataset_size":)";
    count(text);
    text.text += R"(,"delta":)";
    const auto delta = text.put(bytes_.one_of(kDoubles));
    text.allowed = text.allowed && *delta > 0 && *delta < 1;
    text.text += ",";
    const auto planned = parameters(text);
    text.text += R"(,"weight_rule":{"name":)";
    name(text);
    text.text += R"(,"parameters":)";
    text.put(bytes_.one_of(kParameters));
    text.text += R"(},"steps":)";
    const std::int64_t steps = count(text);
    if (made_.complete == 0) planned_steps_ = steps;
    if (shape % 2 == 1) planned_evaluations(text, steps);
    text.text += R"(,"accountant":{"name":)";
    name(text);
    text.text += R"(,"version":)";
    name(text);
    text.text += R"(},"stamp":)";
    const auto secret = text.put(bytes_.one_of(kStamps));
    if (made_.complete == 0) keys_are_secret_ = secret.value_or(true);
    return {.body = text.text, .allowed = text.allowed && made_.complete == 0, .stated = planned};
  }

  void planned_evaluations(Text& text, std::int64_t steps) {
    text.text += R"(,"evaluations":{"count":)";
    const std::int64_t planned = count(text);
    text.text += R"(,"noise_multiplier":)";
    const auto noise = text.put(bytes_.one_of(kDoubles));
    text.text += "}";
    text.allowed = text.allowed && planned <= steps && *noise > 0;
    if (made_.complete > 0 || !text.allowed) return;
    planned_evaluations_ = planned;
    evaluation_noise_ = *noise;
  }

  void name(Text& text) {
    const auto stated = text.put(bytes_.one_of(kNames));
    text.allowed = text.allowed && *stated;
  }

  Line incarnation() {
    constexpr std::array<char, 5> kKeys = {'a', 'b', '0', '9', 'F'};
    Line line;
    const bool numbered = bytes_.next() < 240;
    const std::size_t number = times_.size() + (numbered ? 1 : 0);
    const unsigned shape = bytes_.next();
    line.noise_key = std::string(shape < 250 ? 64 : 63, bytes_.one_of(kKeys));
    line.sampler_key = std::string(64, bytes_.one_of(kKeys));
    Text time;
    line.time = time.put(bytes_.one_of(kTimes));
    line.body = R"({"record":"incarnation","number":)" + std::to_string(number) + R"(,"noise_key_commitment":")" +
                line.noise_key + R"(","sampler_key_commitment":")" + line.sampler_key + R"(","time":)" + time.text;
    line.allowed =
        numbered && time.allowed && shape < 250 && line.noise_key.front() != 'F' && line.sampler_key.front() != 'F' &&
        (times_.empty() || times_.back() <= *line.time) &&
        !(keys_are_secret_ && (noise_keys_.contains(line.noise_key) || sampler_keys_.contains(line.sampler_key)));
    return line;
  }

  Line release() {
    const bool numbered = bytes_.next() < 240;
    Text text;
    text.text = R"({"record":"release","number":)" + std::to_string(releases_.size() + (numbered ? 0 : 1)) + ",";
    const auto stated = parameters(text);
    return {.body = text.text, .allowed = text.allowed && numbered, .stated = stated};
  }

  Line step(std::string_view kind) {
    Line line;
    const unsigned choice = bytes_.next();
    constexpr std::array<std::int64_t, 5> kAhead = {1, 2, 0, -1, 1000};
    constexpr std::array<std::int64_t, 5> kFixed = {kLargestCount, kLargestCount + 1, -1,
                                                    std::numeric_limits<std::int64_t>::max(),
                                                    std::numeric_limits<std::int64_t>::min()};
    line.step = choice < 200   ? made_.last_step + 1
                : choice < 240 ? made_.last_step + bytes_.one_of(kAhead)
                               : bytes_.one_of(kFixed);
    const std::size_t charged = bytes_.next() % (releases_.size() + 1);
    const bool numbered = bytes_.next() < 240;
    line.body = R"({"record":")" + std::string(kind) + R"(","step":)" + std::to_string(line.step) + R"(,"release":)" +
                std::to_string(charged);
    if (kind == "reserve") line.body += R"(,"incarnation":)" + std::to_string(times_.size() + (numbered ? 0 : 1));
    line.allowed = line.step > made_.last_step && line.step <= kLargestCount && charged < releases_.size();
    line.allowed = line.allowed && !times_.empty() && left() > 0;
    if (kind == "reserve") line.allowed = line.allowed && numbered;
    line.charged = charged;
    return line;
  }

  Line evaluation() {
    constexpr std::array<std::int64_t, 4> kAhead = {1, 2, 0, -1};
    const std::int64_t ahead = bytes_.next() < 220 ? 1 : bytes_.one_of(kAhead);
    const bool numbered = bytes_.next() < 240, torn = bytes_.next() % 4 == 0;
    Line line;
    line.body = R"({"record":"evaluation)" + std::string(torn ? "_recovered" : "") + R"(","number":)" +
                std::to_string(made_.evaluations + ahead);
    if (!torn) line.body += R"(,"incarnation":)" + std::to_string(times_.size() + (numbered ? 0 : 1));
    line.allowed = ahead == 1 && (torn || numbered) && !times_.empty() && made_.evaluations < planned_evaluations_;
    line.evaluates = true;
    return line;
  }

  Line checkpoint() {
    constexpr std::array<std::int64_t, 4> kMore = {0, 1, -1, std::numeric_limits<std::int64_t>::max() / 2};
    const std::int64_t charged = steps_charged();
    const std::int64_t applied = bytes_.next() % 2 == 0 ? charged + bytes_.one_of(kMore) : bytes_.next() % 3 - 1;
    const bool hash = bytes_.next() < 240;
    return {.body = R"({"record":"checkpoint","applied_steps":)" + std::to_string(applied) + R"(,"sha256":")" +
                    std::string(64, hash ? 'c' : 'C') + "\"",
            .allowed = applied >= 0 && applied <= charged && hash};
  }

  Line certificate() {
    const bool hash = bytes_.next() < 240;
    return {.body = R"({"record":"certificate","sha256":")" + std::string(64, hash ? 'c' : 'C') + "\"",
            .allowed = hash};
  }

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
    made_.text += text + "\n";
    ++made_.complete;
    previous_ = sha256_hex(text.substr(0, text.rfind(R"(,"hash":")")));
    made_.allowed = made_.allowed && line.allowed && right;
    if (!made_.allowed) return;
    if (line.stated) releases_.push_back(*line.stated);
    if (line.time) {
      times_.push_back(*line.time);
      noise_keys_.insert(line.noise_key);
      sampler_keys_.insert(line.sampler_key);
    }
    if (line.evaluates) evaluate();
    if (line.charged) {
      charge(*line.charged);
      made_.last_step = line.step;
    }
  }

  std::int64_t steps_charged() const {
    std::int64_t total = 0;
    for (const auto& [release, steps] : made_.spent) total += steps;
    return total - made_.evaluations;
  }
  void evaluate() {
    ++made_.spent[{1, evaluation_noise_}];
    ++made_.evaluations;
  }
  std::int64_t left() const { return planned_steps_ - steps_charged(); }

  void charge(std::size_t release) {
    const Release& charged = releases_.at(release);
    ++made_.spent[{charged.sampling_rate, charged.noise_multiplier}];
  }

  // A line of which only the beginning was written. What is there says that it charges nothing, or names a release, or
  // may have named any.
  void tear(const Line& line) {
    const auto [text, right] = finished(line);
    const std::size_t there = 1 + (std::size_t{bytes_.next()} * 3 + bytes_.next()) % text.size();
    const std::string torn = text.substr(0, there);
    made_.text += torn;
    made_.torn = true;
    if (!made_.allowed) return;
    if (torn.starts_with(R"({"record":"i)") || torn.starts_with(R"({"record":"c)") || times_.empty()) return;
    constexpr std::string_view kEvaluation = R"({"record":"e)";
    const bool evaluation = torn.starts_with(kEvaluation) && planned_evaluations_ > 0;
    if ((evaluation || kEvaluation.starts_with(torn)) && made_.evaluations < planned_evaluations_) evaluate();
    if (evaluation) return;
    const std::size_t at = torn.find(R"(,"release":)");
    const std::size_t named = line.charged.value_or(releases_.size());
    const bool is_named = torn.starts_with(R"({"record":"reserve","step":)") && at != std::string::npos &&
                          torn.find(',', at + 1) != std::string::npos && line.step >= 0 && named < releases_.size();
    for (std::size_t release = 0; release < releases_.size(); ++release) {
      if ((is_named && named != release) || left() <= 0) continue;
      charge(release);
      ++made_.last_step;
    }
  }

  FuzzBytes& bytes_;
  MadeLedger made_;
  std::string previous_ = std::string(64, '0');
  bool keys_are_secret_ = true;
  std::int64_t planned_steps_ = 0, planned_evaluations_ = 0;
  double evaluation_noise_ = 0;
  std::vector<Release> releases_;
  std::vector<std::string_view> times_;
  std::set<std::string> noise_keys_, sampler_keys_;
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

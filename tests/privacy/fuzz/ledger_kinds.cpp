#include "ledger_kinds.h"

#include <array>
#include <limits>

#include "ledger_values.h"

namespace sotto::privacy::testing {
namespace {

using sotto::testing::FuzzBytes;

class Kinds {
 public:
  Kinds(FuzzBytes& bytes, LedgerSoFar& so_far) : bytes_(bytes), so_far_(so_far) {}

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
    if (so_far_.made.complete == 0) so_far_.planned_steps = steps;
    if (shape % 2 == 1) planned_evaluations(text, steps);
    text.text += R"(,"accountant":{"name":)";
    name(text);
    text.text += R"(,"version":)";
    name(text);
    text.text += R"(},"stamp":)";
    const auto secret = text.put(bytes_.one_of(kStamps));
    if (so_far_.made.complete == 0) so_far_.keys_are_secret = secret.value_or(true);
    return {.body = text.text, .allowed = text.allowed && so_far_.made.complete == 0, .stated = planned};
  }

 private:
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

  void planned_evaluations(Text& text, std::int64_t steps) {
    text.text += R"(,"evaluations":{"count":)";
    const std::int64_t planned = count(text);
    text.text += R"(,"noise_multiplier":)";
    const auto noise = text.put(bytes_.one_of(kDoubles));
    text.text += "}";
    text.allowed = text.allowed && planned <= steps && *noise > 0;
    if (so_far_.made.complete > 0 || !text.allowed) return;
    so_far_.planned_evaluations = planned;
    so_far_.evaluation_noise = *noise;
  }

  void name(Text& text) {
    const auto stated = text.put(bytes_.one_of(kNames));
    text.allowed = text.allowed && *stated;
  }

  Line incarnation() {
    constexpr std::array<char, 5> kKeys = {'a', 'b', '0', '9', 'F'};
    Line line;
    const bool numbered = bytes_.next() < 240;
    const std::size_t number = so_far_.times.size() + (numbered ? 1 : 0);
    const unsigned shape = bytes_.next();
    line.noise_key = std::string(shape < 250 ? 64 : 63, bytes_.one_of(kKeys));
    line.sampler_key = std::string(64, bytes_.one_of(kKeys));
    Text time;
    line.time = time.put(bytes_.one_of(kTimes));
    line.body = R"({"record":"incarnation","number":)" + std::to_string(number) + R"(,"noise_key_commitment":")" +
                line.noise_key + R"(","sampler_key_commitment":")" + line.sampler_key + R"(","time":)" + time.text;
    line.allowed = numbered && time.allowed && shape < 250 && line.noise_key.front() != 'F' &&
                   line.sampler_key.front() != 'F' && (so_far_.times.empty() || so_far_.times.back() <= *line.time) &&
                   !(so_far_.keys_are_secret &&
                     (so_far_.noise_keys.contains(line.noise_key) || so_far_.sampler_keys.contains(line.sampler_key)));
    return line;
  }

  Line release() {
    const bool numbered = bytes_.next() < 240;
    Text text;
    text.text = R"({"record":"release","number":)" + std::to_string(so_far_.releases.size() + (numbered ? 0 : 1)) + ",";
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
    line.step = choice < 200   ? so_far_.made.last_step + 1
                : choice < 240 ? so_far_.made.last_step + bytes_.one_of(kAhead)
                               : bytes_.one_of(kFixed);
    const std::size_t charged = bytes_.next() % (so_far_.releases.size() + 1);
    const bool numbered = bytes_.next() < 240;
    line.body = R"({"record":")" + std::string(kind) + R"(","step":)" + std::to_string(line.step) + R"(,"release":)" +
                std::to_string(charged);
    if (kind == "reserve")
      line.body += R"(,"incarnation":)" + std::to_string(so_far_.times.size() + (numbered ? 0 : 1));
    line.allowed =
        line.step > so_far_.made.last_step && line.step <= kLargestCount && charged < so_far_.releases.size();
    line.allowed = line.allowed && !so_far_.times.empty() && so_far_.left() > 0;
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
                std::to_string(so_far_.made.evaluations + ahead);
    if (!torn) line.body += R"(,"incarnation":)" + std::to_string(so_far_.times.size() + (numbered ? 0 : 1));
    line.allowed = ahead == 1 && (torn || numbered) && !so_far_.times.empty() &&
                   so_far_.made.evaluations < so_far_.planned_evaluations;
    line.evaluates = true;
    return line;
  }

  Line checkpoint() {
    constexpr std::array<std::int64_t, 4> kMore = {0, 1, -1, std::numeric_limits<std::int64_t>::max() / 2};
    const std::int64_t charged = so_far_.steps_charged();
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

  FuzzBytes& bytes_;
  LedgerSoFar& so_far_;
};

}  // namespace

std::int64_t LedgerSoFar::steps_charged() const {
  std::int64_t total = 0;
  for (const auto& [release, steps] : made.spent) total += steps;
  return total - made.evaluations;
}

void LedgerSoFar::charge(std::size_t release) {
  const Release& charged = releases.at(release);
  ++made.spent[{charged.sampling_rate, charged.noise_multiplier}];
}

void LedgerSoFar::evaluate() {
  ++made.spent[{1, evaluation_noise}];
  ++made.evaluations;
}

Line header_line(FuzzBytes& bytes, LedgerSoFar& so_far) {
  return Kinds(bytes, so_far).header();
}

Line any_line(FuzzBytes& bytes, LedgerSoFar& so_far, unsigned kind) {
  return Kinds(bytes, so_far).line(kind);
}

}  // namespace sotto::privacy::testing

#include "ledger_input.h"

#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger_lines.h"

namespace sotto::privacy::testing {
namespace {

using sotto::testing::check;

std::optional<LedgerContents> accepted(std::string_view text) {
  try {
    return parse_ledger(text, "input");
  } catch (const LedgerError&) {
    return std::nullopt;
  }
}

StepsByRelease by_release(const LedgerContents& ledger) {
  StepsByRelease result;
  for (const Phase& phase : ledger.spent) {
    check(phase.count > 0);
    result[{phase.event.sampling_rate, phase.event.mechanism.noise_multiplier}] += phase.count;
  }
  return result;
}

bool covers(const StepsByRelease& more, const StepsByRelease& less) {
  return std::ranges::all_of(less, [&](const auto& entry) {
    const auto found = more.find(entry.first);
    return found != more.end() && found->second >= entry.second;
  });
}

std::vector<std::string_view> complete_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1))
    lines.push_back(text.substr(0, end));
  return lines;
}

bool is_kind(std::string_view line, std::string_view kind) {
  return line.starts_with(R"({"record":")" + std::string(kind) + "\",");
}

bool evaluates(std::string_view line) {
  return is_kind(line, "evaluation") || is_kind(line, "evaluation_recovered");
}

bool charges(std::string_view line) {
  return is_kind(line, "reserve") || is_kind(line, "recovered");
}

std::int64_t number_after(std::string_view line, std::string_view key) {
  const std::size_t at = line.find(key);
  check(at != std::string_view::npos);
  std::int64_t value = -1;
  const char* begin = line.data() + at + key.size();
  const auto [end, error] = std::from_chars(begin, line.data() + line.size(), value);
  check(error == std::errc() && end != line.data() + line.size() && (*end == ',' || *end == '}'));
  return value;
}

// The lines and what was counted of them: steps, releases, starts and checkpoints.
void check_counts(std::string_view text, const LedgerContents& ledger) {
  const auto lines = complete_lines(text);
  std::size_t releases = 0, incarnations = 0, checkpoints = 0;
  std::int64_t steps = 0, last = -1, evaluations = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    check(is_kind(line, "header") == (i == 0));
    releases += is_kind(line, "header") || is_kind(line, ledger.schema == 1 ? "event" : "release");
    incarnations += is_kind(line, "incarnation");
    if (is_kind(line, "checkpoint")) {
      const std::int64_t applied = number_after(line, R"("applied_steps":)");
      check(applied >= 0 && applied <= steps);
      ++checkpoints;
    }
    if (evaluates(line)) {
      check(incarnations > 0 && number_after(line, R"("number":)") == ++evaluations);
      check(ledger.header.evaluations && evaluations <= ledger.header.evaluations->count);
    }
    if (!charges(line)) continue;
    check(incarnations > 0 || ledger.schema == 1);
    const std::int64_t step = number_after(line, R"("step":)");
    check(step > last && step <= kMaxCount);
    if (ledger.schema != 1) {
      const std::int64_t release = number_after(line, R"("release":)");
      check(release >= 0 && release < static_cast<std::int64_t>(releases));
    }
    last = step;
    ++steps;
  }
  check(ledger.records == static_cast<std::int64_t>(lines.size()) && ledger.releases.size() == releases);
  check(ledger.incarnations.size() == incarnations && ledger.checkpoints.size() == checkpoints);
  check(ledger.intact_bytes == static_cast<std::int64_t>(text.rfind('\n') + 1));
  check(ledger.torn == !text.ends_with('\n') && (ledger.torn || ledger.torn_releases.empty()));
  const auto torn = static_cast<std::int64_t>(ledger.torn_releases.size());
  check(ledger.steps_charged() == steps + torn && ledger.last_step == last + torn);
  check(ledger.evaluations_charged == evaluations + (ledger.torn_evaluation ? 1 : 0));
  check(ledger.torn || !ledger.torn_evaluation);
}

void check_values(const LedgerContents& ledger) {
  validate(ledger.header);
  check(ledger.schema == 1 || ledger.schema == 2);
  for (const LedgerRelease& release : ledger.releases) validate(release.event);
  if (ledger.schema == 1) return;
  for (const LedgerRelease& release : ledger.releases) check(release.sensitivity > 0);
  for (std::size_t i = 1; i < ledger.incarnations.size(); ++i)
    check(ledger.incarnations[i - 1].time <= ledger.incarnations[i].time);
  if (!ledger.header.keys_are_secret) return;
  for (std::size_t i = 0; i < ledger.incarnations.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      check(ledger.incarnations[i].noise_key != ledger.incarnations[k].noise_key &&
            ledger.incarnations[i].sampler_key != ledger.incarnations[k].sampler_key);
}

// Cut behind line `at` and within the line after it, of which `there` bytes stay (modulo its length).
void check_cut(std::string_view text, const LedgerContents& whole, std::size_t at, std::size_t there) {
  const auto lines = complete_lines(text);
  const auto begin = [&](std::size_t line) { return static_cast<std::size_t>(lines[line].data() - text.data()); };
  at %= lines.size();
  const std::size_t end = begin(at) + lines[at].size() + 1;
  const auto prefix = accepted(text.substr(0, end));
  check(prefix && !prefix->torn && prefix->records == static_cast<std::int64_t>(at + 1));
  check(covers(by_release(whole), by_release(*prefix)));
  const auto counted = std::ranges::count_if(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                             [](std::string_view line) { return charges(line); });
  const auto until = ledger_until(text, prefix->head_hash);
  check(prefix->steps_charged() == counted && until && until->steps_charged() == counted);
  check(until->evaluations_charged == prefix->evaluations_charged && by_release(*until) == by_release(*prefix));
  check(!ledger_until(text.substr(0, begin(at)), prefix->head_hash));
  if (at == 0) return;
  // Torn it costs at least what it would have cost.
  const auto torn = accepted(text.substr(0, begin(at) + 1 + there % lines[at].size()));
  check(torn && torn->torn && torn->records == static_cast<std::int64_t>(at));
  check(covers(by_release(*torn), by_release(*prefix)));
}

}  // namespace

void take_ledger_input(std::span<const std::uint8_t> bytes, int cuts) {
  sotto::testing::FuzzBytes head(bytes.first(std::min<std::size_t>(bytes.size(), 3)));
  const unsigned mode = head.next() % 3;
  const std::size_t line = head.next(), there = head.next();
  const auto rest = bytes.subspan(std::min<std::size_t>(bytes.size(), 3));
  std::string text(rest.begin(), rest.end());
  std::optional<MadeLedger> made;
  if (mode == 1) text = with_right_hashes(text);
  if (mode == 2) {
    sotto::testing::FuzzBytes choices(rest);
    made = make_ledger(choices);
    text = made->text;
  }
  const auto ledger = accepted(text);
  if (made) check(made->allowed == ledger.has_value());
  if (!ledger) return;
  if (made) {
    check(made->complete == ledger->records && made->torn == ledger->torn && made->last_step == ledger->last_step);
    check(made->spent == by_release(*ledger) && made->evaluations == ledger->evaluations_charged);
  }
  check_counts(text, *ledger);
  check_values(*ledger);
  check(!ledger_until(text, std::string(64, 'g')));
  for (int i = 0; i < cuts; ++i)
    check_cut(text, *ledger, line + static_cast<std::size_t>(i), 3 * there + 41 * static_cast<std::size_t>(i));
}

}  // namespace sotto::privacy::testing

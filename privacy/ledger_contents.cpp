#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/privacy/ledger_reader.h>
#include <sotto/privacy/ledger_text.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>

namespace sotto::privacy {
void validate(const LedgerHeader& header) {
  const auto check_count = [](const char* name, std::int64_t value) {
    if (value < 1 || value > kMaxCount)
      throw UsageError(fmt::format("[LedgerHeader] {}: {}; must be in [1, 2^53]", name, value));
  };
  if (!header.adjacency) throw UsageError("[LedgerHeader] adjacency: not set; it has no default");
  check_count("dataset_size", header.dataset_size);
  check_count("steps", header.steps);
  validate_delta(header.delta);
  validate(header.event);
  if (header.evaluations) {
    validate(*header.evaluations);
    if (header.evaluations->count > header.steps)
      throw UsageError(fmt::format("[LedgerHeader] evaluations: {}; must be at most the planned steps, {}",
                                   header.evaluations->count, header.steps));
  }
  if (header.weight_rule.empty()) throw UsageError("[LedgerHeader] weight_rule: empty; it must be stated");
  for (const auto& [name, value] : header.weight_rule_parameters)
    if (!(value >= 0) || !std::isfinite(value))
      throw UsageError(
          fmt::format("[LedgerHeader] weight_rule_parameters: {} = {}; must be finite and at least 0", name, value));
  if (!(header.sensitivity > 0) || !std::isfinite(header.sensitivity))
    throw UsageError(fmt::format("[LedgerHeader] sensitivity: {}; must be finite and above 0", header.sensitivity));
  if (header.accountant_name.empty() || header.accountant_version.empty())
    throw UsageError("[LedgerHeader] accountant: name or version empty; both must be stated");
}

bool same_parameters(const LedgerRelease& a, const LedgerRelease& b) {
  return same_parameters(a.event, b.event) && a.sensitivity == b.sensitivity;
}

std::int64_t LedgerContents::steps_charged() const {
  std::int64_t total = 0;
  for (const Phase& phase : spent) total += phase.count;
  return total - evaluations_charged;
}

bool LedgerContents::ends_with_certificate(std::string_view sha256) const {
  if (torn || certificates.empty() || certificates.back().sha256 != sha256) return false;
  return ledger_text::stated_hash(ledger_text::certificate(sha256, certificates.back().after)) == head_hash;
}

namespace {
void charge(LedgerContents& contents, const StepEvent& event) {
  if (contents.spent.empty() || !same_parameters(contents.spent.back().event, event))
    contents.spent.push_back({event, 0});
  ++contents.spent.back().count;
}
}  // namespace

void charge_step(LedgerContents& contents, std::int64_t step, std::size_t release) {
  charge(contents, contents.releases.at(release).event);
  contents.last_step = step;
}

void charge_evaluation(LedgerContents& contents) {
  charge(contents, event_of(contents.header.evaluations.value()));
  ++contents.evaluations_charged;
}

LedgerContents parse_ledger(std::string_view text, const std::string& source) {
  std::unique_ptr<LedgerReader> reader;
  std::int64_t line = 1;
  try {
    for (std::string_view rest = text; !rest.empty(); ++line) {
      const std::size_t length = rest.find('\n');
      if (length == std::string_view::npos) {
        if (reader) reader->read_torn(rest);
        break;
      }
      if (!reader) reader = make_ledger_reader(rest.substr(0, length));
      reader->read(rest.substr(0, length));
      rest.remove_prefix(length + 1);
    }
    detail::require(reader != nullptr, "no complete header; no step can have been charged to this file");
    return reader->contents();
  } catch (const std::exception& error) {
    throw LedgerError(
        fmt::format("[read_ledger] {} line {}: {}; a damaged ledger is never guessed at", source, line, error.what()));
  }
}

LedgerContents read_ledger(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad())
    throw LedgerError("[read_ledger] cannot read " + path.string() +
                      "; a run cannot be resumed or verified without it");
  return parse_ledger(content, path.string());
}

std::optional<LedgerContents> ledger_until(std::string_view text, std::string_view hash) {
  std::unique_ptr<LedgerReader> reader;
  for (std::size_t length = 0; (length = text.find('\n')) != std::string_view::npos; text.remove_prefix(length + 1)) {
    if (!reader) reader = make_ledger_reader(text.substr(0, length));
    reader->read(text.substr(0, length));
    if (reader->contents().head_hash == hash) return reader->contents();
  }
  return std::nullopt;
}

}  // namespace sotto::privacy

#include <fmt/format.h>
#include <sotto/privacy/json_integer.h>
#include <sotto/privacy/ledger_reader.h>
#include <sotto/privacy/ledger_text.h>
#include <sotto/privacy/ledger_time.h>
#include <sotto/privacy/sha256.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

namespace sotto::privacy {
namespace {

using Json = nlohmann::ordered_json;
using detail::require;

double number(const Json& line, const char* key) {
  return ledger_text::parse_hexadecimal(line.at(key).get<std::string>());
}

// The noise multiplier of a lattice follows from its integers.
StepEvent event_of(const Json& line) {
  const double rate = number(line, "sampling_rate");
  if (line.at("mechanism").get<std::string>() != "discrete_gaussian")
    return {rate, Gaussian{number(line, "noise_multiplier")}};
  return lattice_step(
      rate, {json_integer<std::uint64_t>(line.at("squared_norm")), json_integer<std::uint64_t>(line.at("variance"))});
}

LedgerRelease release_of(const Json& line) {
  const LedgerRelease release{event_of(line), number(line, "sensitivity")};
  validate(release.event);
  require(release.sensitivity > 0, "a sensitivity of 0");
  return release;
}

class SecondReader : public LedgerReader {
 private:
  std::string take(std::string_view text) override {
    const std::string_view stated = ledger_text::stated_hash(text);
    require(!stated.empty() && stated == ledger_text::hash_of(text), "the line was changed: it states another hash");
    const Json line = Json::parse(text);
    const auto kind = line.at("record").get<std::string>();
    require((kind == "header") == (contents_.records == 0), "the first record, and no other, must be a header");
    require(line.at("previous").get<std::string>() == previous(), "the line before it was changed or removed");
    std::string expected;
    if (kind == "header")
      expected = take_header(line);
    else if (kind == "incarnation")
      expected = take_incarnation(line);
    else if (kind == "release")
      expected = take_release(line);
    else if (kind == "reserve" || kind == "recovered")
      expected = take_step(line, kind == "recovered");
    else if (kind == "evaluation" || kind == "evaluation_recovered")
      expected = take_evaluation(kind == "evaluation_recovered");
    else if (kind == "checkpoint")
      expected = take_checkpoint(line);
    else if (kind == "certificate")
      expected = take_certificate(line);
    else
      throw std::invalid_argument("unknown kind of record: " + kind);
    require(expected == text, "the text is not what this version writes for the record");
    return std::string(stated);
  }

  // Without a number that can be read it may have been any of them. Nothing is charged before a first start, nor beyond
  // the plan.
  std::vector<std::size_t> torn_releases(std::string_view text) const override {
    if (text.starts_with(ledger_text::kIncarnationStart) || text.starts_with(ledger_text::kFileStart)) return {};
    const std::int64_t left = contents_.header.steps - contents_.steps_charged();
    if (contents_.incarnations.empty() || left <= 0) return {};
    if (contents_.header.evaluations && text.starts_with(ledger_text::kEvaluationStart)) return {};
    const std::optional<std::size_t> release = ledger_text::torn_release(text);
    if (release && *release < contents_.releases.size()) return {*release};
    std::vector<std::size_t> all(std::min(contents_.releases.size(), static_cast<std::size_t>(left)));
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
  }

  // All that can still be one: a line of which nothing but the beginning of every record is there, too.
  bool torn_evaluation(std::string_view text) const override {
    const std::optional<PlannedEvaluations>& planned = contents_.header.evaluations;
    if (!planned || contents_.incarnations.empty() || contents_.evaluations_charged >= planned->count) return false;
    return text.starts_with(ledger_text::kEvaluationStart) || ledger_text::kEvaluationStart.starts_with(text);
  }

  std::string previous() const {
    return contents_.records == 0 ? std::string(ledger_text::kNoPrevious) : contents_.head_hash;
  }

  std::string take_header(const Json& line) {
    LedgerHeader& header = contents_.header;
    header.run = line.at("run").get<std::string>();
    header.adjacency = parse_adjacency(line.at("adjacency").get<std::string>());
    header.unit_is_group = line.at("unit").get<std::string>() == "group";
    header.dataset_size = json_integer(line.at("dataset_size"));
    header.delta = number(line, "delta");
    const LedgerRelease planned = release_of(line);
    header.event = planned.event;
    header.sensitivity = planned.sensitivity;
    header.weight_rule = line.at("weight_rule").at("name").get<std::string>();
    for (const auto& item : line.at("weight_rule").at("parameters").items())
      header.weight_rule_parameters[item.key()] = ledger_text::parse_hexadecimal(item.value().get<std::string>());
    header.steps = json_integer(line.at("steps"));
    if (line.contains("evaluations"))
      header.evaluations = PlannedEvaluations{json_integer(line.at("evaluations").at("count")),
                                              number(line.at("evaluations"), "noise_multiplier")};
    header.accountant_name = line.at("accountant").at("name").get<std::string>();
    header.accountant_version = line.at("accountant").at("version").get<std::string>();
    header.keys_are_secret = line.at("stamp").get<std::string>().empty();
    validate(header);
    contents_.schema = ledger_text::kSchema;
    contents_.releases = {planned};
    return ledger_text::header(header, previous());
  }

  std::string take_incarnation(const Json& line) {
    const LedgerIncarnation found{line.at("noise_key_commitment").get<std::string>(),
                                  line.at("sampler_key_commitment").get<std::string>(),
                                  line.at("time").get<std::string>()};
    require(is_sha256_hex(found.noise_key) && is_sha256_hex(found.sampler_key), "a key without a commitment");
    require(is_utc_time(found.time), "a time that is not of the form 2026-01-31T23:59:59Z");
    for (const LedgerIncarnation& earlier : contents_.incarnations) {
      require(earlier.time <= found.time, "a start that is earlier than the one before it: a clock went backwards");
      require(!contents_.header.keys_are_secret ||
                  (earlier.noise_key != found.noise_key && earlier.sampler_key != found.sampler_key),
              "a key of an earlier start: noise was drawn twice");
    }
    contents_.incarnations.push_back(found);
    return ledger_text::incarnation(found, static_cast<std::int64_t>(contents_.incarnations.size()), previous());
  }

  std::string take_release(const Json& line) {
    contents_.releases.push_back(release_of(line));
    return ledger_text::release(contents_.releases.back(), contents_.releases.size() - 1, previous());
  }

  std::string take_step(const Json& line, bool was_torn) {
    const auto step = json_integer(line.at("step"));
    const auto release = json_integer<std::size_t>(line.at("release"));
    detail::require_next_step(contents_, step);
    require(release < contents_.releases.size(), "a release that was not stated before");
    require(!contents_.incarnations.empty(), "a step before any incarnation");
    require(contents_.steps_charged() < contents_.header.steps, "more steps than are planned");
    charge_step(contents_, step, release);
    return was_torn ? ledger_text::recovered(step, release, previous())
                    : ledger_text::reserve(step, release, contents_.incarnations.size(), previous());
  }

  std::string take_evaluation(bool was_torn) {
    require(contents_.header.evaluations.has_value(), "an evaluation on private records, and none is planned");
    require(!contents_.incarnations.empty(), "an evaluation before any incarnation");
    require(contents_.evaluations_charged < contents_.header.evaluations->count, "more evaluations than are planned");
    charge_evaluation(contents_);
    return was_torn ? ledger_text::evaluation_recovered(contents_.evaluations_charged, previous())
                    : ledger_text::evaluation(contents_.evaluations_charged, contents_.incarnations.size(), previous());
  }

  std::string take_checkpoint(const Json& line) {
    const LedgerCheckpoint found{json_integer(line.at("applied_steps")), line.at("sha256").get<std::string>(),
                                 previous()};
    require(is_sha256_hex(found.sha256), "a checkpoint without a hash");
    require(found.applied_steps >= 0 && found.applied_steps <= contents_.steps_charged(),
            "a checkpoint with more steps than were charged");
    contents_.checkpoints.push_back(found);
    return ledger_text::checkpoint(found, previous());
  }

  std::string take_certificate(const Json& line) {
    const LedgerCertificate found{line.at("sha256").get<std::string>(), previous()};
    require(is_sha256_hex(found.sha256), "a certificate without a hash");
    contents_.certificates.push_back(found);
    return ledger_text::certificate(found.sha256, previous());
  }
};

}  // namespace

namespace detail {

void require(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

void require_next_step(const LedgerContents& contents, std::int64_t step) {
  require(step > contents.last_step && step <= kMaxCount, "step numbers must increase and stay below 2^53");
}

}  // namespace detail

void LedgerReader::read(std::string_view line) {
  contents_.head_hash = take(line);
  ++contents_.records;
  contents_.intact_bytes += static_cast<std::int64_t>(line.size()) + 1;
}

void LedgerReader::read_torn(std::string_view line) {
  contents_.torn = true;
  contents_.torn_releases = torn_releases(line);
  contents_.torn_evaluation = torn_evaluation(line);
  if (contents_.torn_evaluation) charge_evaluation(contents_);
  for (const std::size_t release : contents_.torn_releases) charge_step(contents_, contents_.last_step + 1, release);
}

std::unique_ptr<LedgerReader> make_ledger_reader(std::string_view first_line) {
  const Json line = Json::parse(first_line);
  require(line.at("record").get<std::string>() == "header", "the first record must be a header");
  const int schema = json_integer<int>(line.at("schema"));
  std::unique_ptr<LedgerReader> result;
  if (schema == 1)
    result = make_first_ledger_reader();
  else if (schema == ledger_text::kSchema)
    result = std::make_unique<SecondReader>();
  else
    throw std::invalid_argument(fmt::format("schema {}, which this version does not know", schema));
  return result;
}

}  // namespace sotto::privacy

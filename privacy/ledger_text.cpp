#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_text.h>
#include <sotto/privacy/sha256.h>

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace sotto::privacy::ledger_text {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHashKey = R"(,"hash":")";
constexpr std::size_t kHashTail = kHashKey.size() + 64 + 2;  // and what closes the line

std::string finish(Json line, std::string_view previous) {
  line["previous"] = previous;
  std::string text = line.dump();
  text.pop_back();
  const std::string hash = sha256_hex(text);
  return text.append(kHashKey).append(hash).append("\"}");
}

// Of a record that a torn line is told by: its text begins with `start`.
std::string finish(Json line, std::string_view previous, std::string_view start) {
  std::string text = finish(std::move(line), previous);
  SOTTO_ASSERT(text.starts_with(start));
  return text;
}

void put_release(Json& line, const LedgerRelease& release) {
  line["sampler"] = "poisson";
  line["sampling_rate"] = hexadecimal(release.event.sampling_rate);
  if (const std::optional<LatticeNoise>& lattice = release.event.lattice) {
    line["mechanism"] = "discrete_gaussian";
    line["squared_norm"] = lattice->squared_norm;
    line["variance"] = lattice->variance;
  } else {
    line["mechanism"] = "gaussian";
    line["noise_multiplier"] = hexadecimal(release.event.mechanism.noise_multiplier);
  }
  line["sensitivity"] = hexadecimal(release.sensitivity);
}

// Takes a number and what has to come after it off the front.
std::optional<std::size_t> take_number(std::string_view& text, std::string_view before, char after) {
  if (!text.starts_with(before)) return std::nullopt;
  text.remove_prefix(before.size());
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data() + text.size() || *end != after) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

std::string hexadecimal(double value) {
  SOTTO_ASSERT(value >= 0 && std::isfinite(value));
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::hex).ptr;
  return "0x" + std::string(text.data(), end);
}

double parse_hexadecimal(std::string_view text) {
  double value = -1;
  if (text.starts_with("0x"))
    std::from_chars(text.data() + 2, text.data() + text.size(), value, std::chars_format::hex);
  if (!(value >= 0) || !std::isfinite(value) || hexadecimal(value) != text)
    throw std::invalid_argument("not an exact hexadecimal number: " + std::string(text));
  return value;
}

std::string header(const LedgerHeader& header, std::string_view previous) {
  Json line;
  line["record"] = "header";
  line["schema"] = kSchema;
  line["run"] = header.run;
  line["adjacency"] = to_string(header.adjacency.value());
  line["unit"] = header.unit_is_group ? "group" : "record";
  line["dataset_size"] = header.dataset_size;
  line["delta"] = hexadecimal(header.delta);
  put_release(line, {header.event, header.sensitivity});
  line["weight_rule"] = {{"name", header.weight_rule}, {"parameters", Json::object()}};
  for (const auto& [name, value] : header.weight_rule_parameters)
    line["weight_rule"]["parameters"][name] = hexadecimal(value);
  line["steps"] = header.steps;
  if (header.evaluations)
    line["evaluations"] = {{"count", header.evaluations->count},
                           {"noise_multiplier", hexadecimal(header.evaluations->noise_multiplier)}};
  line["accountant"] = {{"name", header.accountant_name}, {"version", header.accountant_version}};
  line["stamp"] = header.keys_are_secret ? "" : "NOT PRIVATE";
  return finish(std::move(line), previous);
}

std::string incarnation(const LedgerIncarnation& incarnation, std::int64_t number, std::string_view previous) {
  Json line;
  line["record"] = "incarnation";
  line["number"] = number;
  line["noise_key_commitment"] = incarnation.noise_key;
  line["sampler_key_commitment"] = incarnation.sampler_key;
  line["time"] = incarnation.time;
  return finish(std::move(line), previous, kIncarnationStart);
}

std::string release(const LedgerRelease& release, std::size_t number, std::string_view previous) {
  Json line;
  line["record"] = "release";
  line["number"] = number;
  put_release(line, release);
  return finish(std::move(line), previous);
}

std::string reserve(std::int64_t step, std::size_t release, std::size_t incarnation, std::string_view previous) {
  Json line;
  line["record"] = "reserve";
  line["step"] = step;
  line["release"] = release;
  line["incarnation"] = incarnation;
  std::string text = finish(std::move(line), previous);
  SOTTO_ASSERT(torn_release(text) == release);
  return text;
}

std::string recovered(std::int64_t step, std::size_t release, std::string_view previous) {
  Json line;
  line["record"] = "recovered";
  line["step"] = step;
  line["release"] = release;
  return finish(std::move(line), previous);
}

std::string evaluation(std::int64_t number, std::size_t incarnation, std::string_view previous) {
  Json line;
  line["record"] = "evaluation";
  line["number"] = number;
  line["incarnation"] = incarnation;
  return finish(std::move(line), previous, kEvaluationStart);
}

std::string evaluation_recovered(std::int64_t number, std::string_view previous) {
  Json line;
  line["record"] = "evaluation_recovered";
  line["number"] = number;
  return finish(std::move(line), previous, kEvaluationStart);
}

std::string checkpoint(const LedgerCheckpoint& checkpoint, std::string_view previous) {
  Json line;
  line["record"] = "checkpoint";
  line["applied_steps"] = checkpoint.applied_steps;
  line["sha256"] = checkpoint.sha256;
  return finish(std::move(line), previous, kFileStart);
}

std::string certificate(std::string_view sha256, std::string_view previous) {
  Json line;
  line["record"] = "certificate";
  line["sha256"] = sha256;
  return finish(std::move(line), previous, kFileStart);
}

std::string_view stated_hash(std::string_view line) {
  if (line.size() < kHashTail || !line.ends_with("\"}")) return {};
  const std::string_view tail = line.substr(line.size() - kHashTail);
  return tail.starts_with(kHashKey) ? tail.substr(kHashKey.size(), 64) : std::string_view();
}

std::string hash_of(std::string_view line) {
  return sha256_hex(line.substr(0, line.size() - std::min(line.size(), kHashTail)));
}

std::optional<std::size_t> torn_release(std::string_view line) {
  if (!take_number(line, R"({"record":"reserve","step":)", ',')) return std::nullopt;
  return take_number(line, R"(,"release":)", ',');
}

}  // namespace sotto::privacy::ledger_text

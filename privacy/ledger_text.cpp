#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_text.h>

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace sotto::privacy::ledger_text {
namespace {

using Json = nlohmann::ordered_json;

std::string finish(Json line, std::string_view previous) {
  line["previous"] = previous;
  return line.dump();
}

void put_event(Json& line, const PoissonSampled& event, double sensitivity) {
  line["sampling_rate"] = hexadecimal(event.sampling_rate);
  line["noise_multiplier"] = hexadecimal(event.mechanism.noise_multiplier);
  line["sensitivity"] = hexadecimal(sensitivity);
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
  line["sampler"] = "poisson";
  put_event(line, header.event, header.sensitivity);
  line["weight_rule"] = {{"name", header.weight_rule}, {"parameters", Json::object()}};
  for (const auto& [name, value] : header.weight_rule_parameters)
    line["weight_rule"]["parameters"][name] = hexadecimal(value);
  line["steps"] = header.steps;
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
  std::string text = finish(std::move(line), previous);
  SOTTO_ASSERT(text.starts_with(kIncarnationStart));
  return text;
}

std::string event(const PoissonSampled& event, double sensitivity, std::string_view previous) {
  Json line;
  line["record"] = "event";
  put_event(line, event, sensitivity);
  return finish(std::move(line), previous);
}

std::string reserve(std::int64_t step, const PoissonSampled& event, double sensitivity, std::string_view noise_key,
                    std::string_view previous) {
  Json line;
  line["record"] = "reserve";
  line["step"] = step;
  put_event(line, event, sensitivity);
  line["noise_key_commitment"] = noise_key;
  return finish(std::move(line), previous);
}

std::string recovered(std::int64_t step, const PoissonSampled& event, double sensitivity, std::string_view previous) {
  Json line;
  line["record"] = "recovered";
  line["step"] = step;
  put_event(line, event, sensitivity);
  return finish(std::move(line), previous);
}

}  // namespace sotto::privacy::ledger_text

#include <sotto/privacy/json_integer.h>
#include <sotto/privacy/ledger_reader.h>
#include <sotto/privacy/ledger_text.h>
#include <sotto/privacy/sha256.h>

#include <nlohmann/json.hpp>

namespace sotto::privacy {
namespace {

using Json = nlohmann::ordered_json;
using detail::require;
using ledger_text::hexadecimal;

double number(const Json& line, const char* key) {
  return ledger_text::parse_hexadecimal(line.at(key).get<std::string>());
}

void put(Json& line, const LedgerRelease& release) {
  line["sampling_rate"] = hexadecimal(release.event.sampling_rate);
  line["noise_multiplier"] = hexadecimal(release.event.mechanism.noise_multiplier);
  line["sensitivity"] = hexadecimal(release.sensitivity);
}

// A line had no hash of its own: its hash was that of its whole text, and every step named its parameters anew.
class FirstReader : public LedgerReader {
 private:
  std::string take(std::string_view text) override {
    const Json line = Json::parse(text);
    const auto kind = line.at("record").get<std::string>();
    require((kind == "header") == (contents_.records == 0), "the first record, and no other, must be a header");
    Json expected;
    expected["record"] = kind;
    if (kind == "header")
      take_header(line, expected);
    else if (kind == "incarnation")
      take_incarnation(line, expected);
    else if (kind == "event")
      take_event(line, expected);
    else if (kind == "reserve" || kind == "recovered")
      take_step(line, kind == "recovered", expected);
    else
      throw std::invalid_argument("unknown kind of record: " + kind);
    expected["previous"] = contents_.records == 0 ? std::string(ledger_text::kNoPrevious) : contents_.head_hash;
    require(expected.at("previous") == line.at("previous"), "the line before it was changed or removed");
    require(expected.dump() == text, "the text is not what schema 1 writes for the record");
    return sha256_hex(text);
  }

  std::vector<std::size_t> torn_releases(std::string_view text) const override {
    constexpr std::string_view kIncarnationStart = R"({"record":"incarnation",)";
    if (text.starts_with(kIncarnationStart)) return {};
    return {contents_.releases.size() - 1};
  }

  void take_header(const Json& line, Json& expected) {
    LedgerHeader& h = contents_.header;
    h.run = line.at("run").get<std::string>();
    h.adjacency = parse_adjacency(line.at("adjacency").get<std::string>());
    h.unit_is_group = line.at("unit").get<std::string>() == "group";
    h.dataset_size = json_integer(line.at("dataset_size"));
    h.delta = number(line, "delta");
    h.event = {number(line, "sampling_rate"), Gaussian{number(line, "noise_multiplier")}};
    h.sensitivity = number(line, "sensitivity");
    h.weight_rule = line.at("weight_rule").at("name").get<std::string>();
    for (const auto& item : line.at("weight_rule").at("parameters").items())
      h.weight_rule_parameters[item.key()] = ledger_text::parse_hexadecimal(item.value().get<std::string>());
    h.steps = json_integer(line.at("steps"));
    h.accountant_name = line.at("accountant").at("name").get<std::string>();
    h.accountant_version = line.at("accountant").at("version").get<std::string>();
    h.keys_are_secret = line.at("stamp").get<std::string>().empty();
    validate(h);
    contents_.schema = 1;
    contents_.releases = {{h.event, h.sensitivity}};

    expected["schema"] = 1;
    expected["run"] = h.run;
    expected["adjacency"] = to_string(*h.adjacency);
    expected["unit"] = h.unit_is_group ? "group" : "record";
    expected["dataset_size"] = h.dataset_size;
    expected["delta"] = hexadecimal(h.delta);
    expected["sampler"] = "poisson";
    put(expected, contents_.releases[0]);
    expected["weight_rule"] = {{"name", h.weight_rule}, {"parameters", Json::object()}};
    for (const auto& [name, value] : h.weight_rule_parameters)
      expected["weight_rule"]["parameters"][name] = hexadecimal(value);
    expected["steps"] = h.steps;
    expected["accountant"] = {{"name", h.accountant_name}, {"version", h.accountant_version}};
    expected["stamp"] = h.keys_are_secret ? "" : "NOT PRIVATE";
  }

  void take_incarnation(const Json& line, Json& expected) {
    contents_.incarnations.push_back({line.at("noise_key_commitment").get<std::string>(),
                                      line.at("sampler_key_commitment").get<std::string>(),
                                      line.at("time").get<std::string>()});
    expected["number"] = contents_.incarnations.size();
    expected["noise_key_commitment"] = contents_.incarnations.back().noise_key;
    expected["sampler_key_commitment"] = contents_.incarnations.back().sampler_key;
    expected["time"] = contents_.incarnations.back().time;
  }

  void take_event(const Json& line, Json& expected) {
    const LedgerRelease release{{number(line, "sampling_rate"), Gaussian{number(line, "noise_multiplier")}},
                                number(line, "sensitivity")};
    validate(release.event);
    contents_.releases.push_back(release);
    put(expected, release);
  }

  // With the parameters in force, so that a step with others is refused by the comparison of texts.
  void take_step(const Json& line, bool was_torn, Json& expected) {
    const auto step = json_integer(line.at("step"));
    detail::require_next_step(contents_, step);
    require(was_torn || !contents_.incarnations.empty(), "a step before any incarnation");
    expected["step"] = step;
    put(expected, contents_.releases.back());
    if (!was_torn) expected["noise_key_commitment"] = contents_.incarnations.back().noise_key;
    charge_step(contents_, step, contents_.releases.size() - 1);
  }
};

}  // namespace

std::unique_ptr<LedgerReader> make_first_ledger_reader() {
  return std::make_unique<FirstReader>();
}

}  // namespace sotto::privacy

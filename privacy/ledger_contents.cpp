#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/privacy/ledger_text.h>
#include <sotto/privacy/sha256.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

namespace sotto::privacy {
namespace {

using Json = nlohmann::ordered_json;

double number(const Json& line, const char* key) {
  return ledger_text::parse_hexadecimal(line.at(key).get<std::string>());
}

PoissonSampled event_of(const Json& line) {
  const PoissonSampled event{number(line, "sampling_rate"), Gaussian{number(line, "noise_multiplier")}};
  validate(event);
  return event;
}

void require(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

class Reader {
 public:
  // Throws for anything but the next line of a ledger in its exact text.
  void read(std::string_view text) {
    const Json line = Json::parse(text);
    const auto kind = line.at("record").get<std::string>();
    require((kind == "header") == (contents_.records == 0), "the first record, and no other, must be a header");
    require(line.at("previous").get<std::string>() == previous(), "the line before it was changed or removed");
    if (kind == "header")
      read_header(line);
    else if (kind == "incarnation")
      read_incarnation(line);
    else if (kind == "event")
      read_event(line);
    else if (kind == "reserve" || kind == "recovered")
      read_step(line, kind == "recovered");
    else
      throw std::invalid_argument("unknown kind of record: " + kind);
    require(expected_ == text, "the text is not what this version writes for the record");
    ++contents_.records;
    contents_.head_hash = sha256_hex(text);
    contents_.intact_bytes += static_cast<std::int64_t>(text.size()) + 1;
  }

  // An incomplete last line may be the reserve of a step whose noise was used, unless it says that it is something
  // else.
  void read_torn_tail(std::string_view text) {
    contents_.torn = true;
    contents_.torn_step = !text.starts_with(ledger_text::kIncarnationStart);
    if (contents_.torn_step) charge_step(contents_, contents_.last_step + 1);
  }

  LedgerContents finish() {
    require(contents_.records > 0, "no complete header; no step can have been charged to this file");
    return std::move(contents_);
  }
  bool empty() const { return contents_.records == 0; }

 private:
  std::string previous() const {
    return contents_.records == 0 ? std::string(ledger_text::kNoPrevious) : contents_.head_hash;
  }

  void read_header(const Json& line) {
    LedgerHeader& header = contents_.header;
    require(line.at("schema").get<int>() == ledger_text::kSchema, "written by another version: unknown schema");
    header.run = line.at("run").get<std::string>();
    header.adjacency = parse_adjacency(line.at("adjacency").get<std::string>());
    header.unit_is_group = line.at("unit").get<std::string>() == "group";
    header.dataset_size = line.at("dataset_size").get<std::int64_t>();
    header.delta = number(line, "delta");
    header.event = event_of(line);
    header.sensitivity = number(line, "sensitivity");
    header.weight_rule = line.at("weight_rule").at("name").get<std::string>();
    for (const auto& item : line.at("weight_rule").at("parameters").items())
      header.weight_rule_parameters[item.key()] = ledger_text::parse_hexadecimal(item.value().get<std::string>());
    header.steps = line.at("steps").get<std::int64_t>();
    header.accountant_name = line.at("accountant").at("name").get<std::string>();
    header.accountant_version = line.at("accountant").at("version").get<std::string>();
    header.keys_are_secret = line.at("stamp").get<std::string>().empty();
    validate(header);
    contents_.event = header.event;
    contents_.sensitivity = header.sensitivity;
    expected_ = ledger_text::header(header, previous());
  }

  void read_incarnation(const Json& line) {
    const LedgerIncarnation found{line.at("noise_key_commitment").get<std::string>(),
                                  line.at("sampler_key_commitment").get<std::string>(),
                                  line.at("time").get<std::string>()};
    contents_.incarnations.push_back(found);
    expected_ = ledger_text::incarnation(found, static_cast<std::int64_t>(contents_.incarnations.size()), previous());
  }

  void read_event(const Json& line) {
    contents_.event = event_of(line);
    contents_.sensitivity = number(line, "sensitivity");
    expected_ = ledger_text::event(contents_.event, contents_.sensitivity, previous());
  }

  // Built from the parameters in force, so that a step with others is refused by the comparison of texts.
  void read_step(const Json& line, bool was_torn) {
    const auto step = line.at("step").get<std::int64_t>();
    require(step > contents_.last_step && step <= kMaxCount, "step numbers must increase and stay below 2^53");
    require(was_torn || !contents_.incarnations.empty(), "a step before any incarnation");
    expected_ = was_torn ? ledger_text::recovered(step, contents_.event, contents_.sensitivity, previous())
                         : ledger_text::reserve(step, contents_.event, contents_.sensitivity,
                                                contents_.incarnations.back().noise_key, previous());
    charge_step(contents_, step);
  }

  LedgerContents contents_;
  std::string expected_;
};

}  // namespace

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

bool same_parameters(const PoissonSampled& a, const PoissonSampled& b) {
  return a.sampling_rate == b.sampling_rate && a.mechanism.noise_multiplier == b.mechanism.noise_multiplier;
}

void charge_step(LedgerContents& contents, std::int64_t step) {
  if (contents.spent.empty() || !same_parameters(contents.spent.back().event, contents.event))
    contents.spent.push_back({contents.event, 0});
  ++contents.spent.back().count;
  contents.last_step = step;
}

LedgerContents read_ledger(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad())
    throw LedgerError("[read_ledger] cannot read " + path.string() +
                      "; a run cannot be resumed or verified without it");

  Reader reader;
  std::string_view rest = content;
  std::int64_t line = 1;
  try {
    for (; !rest.empty(); ++line) {
      const std::size_t length = rest.find('\n');
      if (length == std::string_view::npos) {
        if (!reader.empty()) reader.read_torn_tail(rest);
        break;
      }
      reader.read(rest.substr(0, length));
      rest.remove_prefix(length + 1);
    }
    return reader.finish();
  } catch (const std::exception& error) {
    throw LedgerError("[read_ledger] " + path.string() + " line " + std::to_string(line) + ": " + error.what() +
                      "; a damaged ledger is never guessed at");
  }
}

}  // namespace sotto::privacy

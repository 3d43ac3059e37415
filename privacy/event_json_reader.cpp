#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>
#include <sotto/privacy/joint_gaussian.h>
#include <sotto/privacy/strict_json.h>

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <optional>

namespace sotto::privacy {
namespace {

constexpr std::string_view kHere = "parse_events";
constexpr std::string_view kTypes =
    "no_op, non_private, gaussian, poisson_sampled, without_replacement, truncated_poisson, epoch_once, "
    "mixture_of_gaussians, laplace, approx_dp, sampled_discrete_gaussian, self_composed and composed";

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw UsageError(fmt::format("[{}] {}: {}", kHere, path, what));
}

// What an error repeats of the text.
std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string shown(text.substr(0, kShown));
  for (char& c : shown)
    if (c < ' ' || c > '~') c = '?';
  return "'" + shown + (text.size() > kShown ? "...'" : "'");
}

// An object that may have `keys` and no others, and must have all that are asked for.
class Fields {
 public:
  Fields(const JsonValue& value, std::string path, std::initializer_list<std::string_view> keys)
      : object_(std::get_if<JsonValue::Object>(&value.value)), path_(std::move(path)) {
    if (object_ == nullptr) fail(path_, fmt::format("{}; allowed is an object", kind_of(value)));
    for (const auto& [key, field] : *object_)
      if (std::find(keys.begin(), keys.end(), key) == keys.end())
        fail(path_, fmt::format("unknown key {}; allowed are {}", quoted(key), fmt::join(keys, ", ")));
  }

  const std::string& path() const { return path_; }
  std::string path(std::string_view key) const { return fmt::format("{}.{}", path_, key); }

  const JsonValue& at(std::string_view key) const {
    for (const auto& [name, field] : *object_)
      if (name == key) return field;
    fail(path_, fmt::format("missing key '{}'", key));
  }
  const std::string& text(std::string_view key) const {
    const JsonValue& value = at(key);
    if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
    fail(path(key), fmt::format("{}; allowed is a string", kind_of(value)));
  }
  int64_t integer(std::string_view key) const {
    const JsonValue& value = at(key);
    if (const auto* integer = std::get_if<int64_t>(&value.value)) return *integer;
    fail(path(key), fmt::format("{}; allowed is an integer in plain digits", kind_of(value)));
  }
  double number(std::string_view key) const { return number_of(at(key), path(key)); }
  const JsonValue::Array& array(std::string_view key) const {
    const JsonValue& value = at(key);
    if (const auto* array = std::get_if<JsonValue::Array>(&value.value)) return *array;
    fail(path(key), fmt::format("{}; allowed is an array", kind_of(value)));
  }
  std::vector<double> numbers(std::string_view key) const {
    std::vector<double> numbers;
    for (const JsonValue& value : array(key))
      numbers.push_back(number_of(value, fmt::format("{}[{}]", path(key), numbers.size())));
    return numbers;
  }

 private:
  static double number_of(const JsonValue& value, const std::string& path) {
    if (const auto* real = std::get_if<double>(&value.value)) return *real;
    if (const auto* integer = std::get_if<int64_t>(&value.value)) return static_cast<double>(*integer);
    fail(path, fmt::format("{}; allowed is a number", kind_of(value)));
  }

  const JsonValue::Object* object_;
  std::string path_;
};

std::string type_of(const JsonValue& value, const std::string& path) {
  const auto* object = std::get_if<JsonValue::Object>(&value.value);
  if (object == nullptr) fail(path, fmt::format("{}; allowed is an event: an object with a type", kind_of(value)));
  for (const auto& [key, field] : *object) {
    if (key != "type") continue;
    if (const auto* text = std::get_if<std::string>(&field.value)) return *text;
    fail(path + ".type", fmt::format("{}; allowed are the strings {}", kind_of(field), kTypes));
  }
  fail(path, fmt::format("missing key 'type'; allowed are {}", kTypes));
}

// The range of the values of one event, with its place.
Event checked(Event event, const std::string& path) {
  try {
    validate(event);
  } catch (const UsageError& error) {
    fail(path, error.what());
  }
  return event;
}

Event read_event(const JsonValue& value, const std::string& path, int depth);

Gaussian read_mechanism(const Fields& fields, int depth) {
  const Event mechanism = read_event(fields.at("mechanism"), fields.path("mechanism"), depth);
  try {
    return joint_gaussian(mechanism);
  } catch (const UsageError& error) {
    fail(fields.path("mechanism"), error.what());
  }
}

// Events without others in them; nothing for other types.
std::optional<Event> read_plain(const std::string& type, const JsonValue& value, const std::string& path) {
  if (type == "no_op") {
    const Fields fields(value, path, {"type"});
    return NoOp{};
  }
  if (type == "non_private") {
    const Fields fields(value, path, {"type"});
    return NonPrivate{};
  }
  if (type == "gaussian") {
    const Fields fields(value, path, {"type", "noise_multiplier"});
    return Gaussian{fields.number("noise_multiplier")};
  }
  if (type == "mixture_of_gaussians") {
    const Fields fields(value, path, {"type", "standard_deviation", "sensitivities", "probabilities"});
    return MixtureOfGaussians{fields.number("standard_deviation"), fields.numbers("sensitivities"),
                              fields.numbers("probabilities")};
  }
  if (type == "laplace") {
    const Fields fields(value, path, {"type", "noise_multiplier"});
    return Laplace{fields.number("noise_multiplier")};
  }
  if (type == "approx_dp") {
    const Fields fields(value, path, {"type", "epsilon", "delta"});
    return ApproxDp{fields.number("epsilon"), fields.number("delta")};
  }
  if (type == "sampled_discrete_gaussian") {
    const Fields fields(value, path, {"type", "sampling_rate", "noise_multiplier"});
    return SampledDiscreteGaussian{fields.number("sampling_rate"), fields.number("noise_multiplier")};
  }
  return std::nullopt;
}

std::optional<Event> read_sampled(const std::string& type, const JsonValue& value, const std::string& path, int depth) {
  if (type == "poisson_sampled") {
    const Fields fields(value, path, {"type", "sampling_rate", "mechanism"});
    return PoissonSampled{fields.number("sampling_rate"), read_mechanism(fields, depth)};
  }
  if (type == "without_replacement") {
    const Fields fields(value, path, {"type", "batch_size", "dataset_size", "mechanism"});
    return WithoutReplacement{fields.integer("batch_size"), fields.integer("dataset_size"),
                              read_mechanism(fields, depth)};
  }
  if (type == "truncated_poisson") {
    const Fields fields(value, path, {"type", "sampling_rate", "dataset_size", "largest_batch", "mechanism"});
    return TruncatedPoisson{fields.number("sampling_rate"), fields.integer("dataset_size"),
                            fields.integer("largest_batch"), read_mechanism(fields, depth)};
  }
  if (type == "epoch_once") {
    const Fields fields(value, path, {"type", "epochs", "mechanism"});
    return EpochOnce{fields.integer("epochs"), read_mechanism(fields, depth)};
  }
  return std::nullopt;
}

// Ranges of the counts of a repetition, before the event below it is looked at.
int64_t checked_count(const Fields& fields) {
  const int64_t count = fields.integer("count");
  checked(SelfComposed(NoOp{}, count), fields.path());
  return count;
}

Event read_event(const JsonValue& value, const std::string& path, int depth) {
  if (depth > kDeepestEvent) fail(path, fmt::format("nested too deeply; allowed are {} levels", kDeepestEvent));
  const std::string type = type_of(value, path);
  if (auto event = read_plain(type, value, path)) return checked(std::move(*event), path);
  if (auto event = read_sampled(type, value, path, depth)) return checked(std::move(*event), path);
  if (type == "self_composed") {
    const Fields fields(value, path, {"type", "count", "event"});
    const int64_t count = checked_count(fields);
    return SelfComposed(read_event(fields.at("event"), fields.path("event"), depth + 1), count);
  }
  if (type == "composed") {
    const Fields fields(value, path, {"type", "events"});
    Composed composed;
    for (const JsonValue& part : fields.array("events"))
      composed.events.push_back(
          read_event(part, fmt::format("{}[{}]", fields.path("events"), composed.events.size()), depth + 1));
    return composed;
  }
  fail(path + ".type", fmt::format("unknown type {}; allowed are {}", quoted(type), kTypes));
}

PrivacyUnit read_unit(const JsonValue& value, const std::string& path) {
  const std::string& kind = Fields(value, path, {"kind", "size"}).text("kind");
  if (kind == "group") {
    const Fields fields(value, path, {"kind", "size"});
    const PrivacyUnit unit{PrivacyUnit::Kind::group, fields.integer("size")};
    try {
      validate(unit);
    } catch (const UsageError& error) {
      fail(path, error.what());
    }
    return unit;
  }
  const Fields fields(value, path, {"kind"});
  if (kind == "record") return {};
  if (kind == "user") return {PrivacyUnit::Kind::user};
  fail(fields.path("kind"), fmt::format("unknown unit {}; allowed are record, user and group", quoted(kind)));
}

}  // namespace

AccountedEvents parse_events(std::string_view text) {
  if (text.size() > kLargestEventsText)
    throw UsageError(fmt::format("[{}] {} bytes; allowed are {}", kHere, text.size(), kLargestEventsText));
  const JsonValue document = read_strict_json(kHere, text);
  const Fields fields(document, "$", {"sotto_events", "adjacency", "unit", "event"});
  if (const int64_t schema = fields.integer("sotto_events"); schema != kEventsSchema)
    fail("$.sotto_events", fmt::format("unknown version {}; allowed is {}", schema, kEventsSchema));
  AccountedEvents events;
  const std::string& adjacency = fields.text("adjacency");
  try {
    events.adjacency = parse_adjacency(adjacency);
  } catch (const UsageError&) {
    fail("$.adjacency",
         fmt::format("unknown adjacency {}; allowed are add-remove, zero-out and replace-one", quoted(adjacency)));
  }
  events.unit = read_unit(fields.at("unit"), "$.unit");
  events.event = read_event(fields.at("event"), "$.event", 0);
  return events;
}

AccountedEvents read_events(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UsageError(fmt::format("[read_events] cannot open '{}'; allowed is a file that can be read", path));
  std::string text(kLargestEventsText + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof()))
    throw UsageError(fmt::format("[read_events] cannot read '{}'; allowed is a file that can be read", path));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kLargestEventsText)
    throw UsageError(
        fmt::format("[read_events] '{}' is longer than {} bytes, which are allowed", path, kLargestEventsText));
  return parse_events(text);
}

}  // namespace sotto::privacy

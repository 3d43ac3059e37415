#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>

#include <cmath>
#include <iterator>

namespace sotto::privacy {
namespace {

std::string number(double value) {
  if (value == 0) return std::signbit(value) ? "-0.0" : "0";
  return fmt::format("{}", value);
}

void write_numbers(std::string& out, std::string_view key, const std::vector<double>& values) {
  fmt::format_to(std::back_inserter(out), R"(,"{}":[)", key);
  for (std::size_t i = 0; i < values.size(); ++i) out += (i > 0 ? "," : "") + number(values[i]);
  out += ']';
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void write(const Event& event) {
    out_ += R"({"type":)";
    std::visit(*this, event.variant());
    out_ += '}';
  }

  void operator()(const NoOp&) { type("no_op"); }
  void operator()(const NonPrivate&) { type("non_private"); }
  void operator()(const Gaussian& event) {
    type("gaussian");
    put("noise_multiplier", event.noise_multiplier);
  }
  void operator()(const PoissonSampled& event) {
    type("poisson_sampled");
    put("sampling_rate", event.sampling_rate);
    put("mechanism", event.mechanism);
  }
  void operator()(const WithoutReplacement& event) {
    type("without_replacement");
    put("batch_size", event.batch_size);
    put("dataset_size", event.dataset_size);
    put("mechanism", event.mechanism);
  }
  void operator()(const TruncatedPoisson& event) {
    type("truncated_poisson");
    put("sampling_rate", event.sampling_rate);
    put("dataset_size", event.dataset_size);
    put("largest_batch", event.largest_batch);
    put("mechanism", event.mechanism);
  }
  void operator()(const EpochOnce& event) {
    type("epoch_once");
    put("epochs", event.epochs);
    put("mechanism", event.mechanism);
  }
  void operator()(const MixtureOfGaussians& event) {
    type("mixture_of_gaussians");
    put("standard_deviation", event.standard_deviation);
    write_numbers(out_, "sensitivities", event.sensitivities);
    write_numbers(out_, "probabilities", event.probabilities);
  }
  void operator()(const Laplace& event) {
    type("laplace");
    put("noise_multiplier", event.noise_multiplier);
  }
  void operator()(const ApproxDp& event) {
    type("approx_dp");
    put("epsilon", event.epsilon);
    put("delta", event.delta);
  }
  void operator()(const SampledDiscreteGaussian& event) {
    type("sampled_discrete_gaussian");
    put("sampling_rate", event.sampling_rate);
    put("noise_multiplier", event.noise_multiplier);
  }
  void operator()(const SelfComposed& event) {
    type("self_composed");
    put("count", event.count);
    put("event", *event.event);
  }
  void operator()(const Composed& event) {
    type("composed");
    out_ += R"(,"events":[)";
    for (std::size_t i = 0; i < event.events.size(); ++i) {
      if (i > 0) out_ += ',';
      write(event.events[i]);
    }
    out_ += ']';
  }

 private:
  void type(std::string_view name) { fmt::format_to(std::back_inserter(out_), R"("{}")", name); }
  void key(std::string_view name) { fmt::format_to(std::back_inserter(out_), R"(,"{}":)", name); }
  void put(std::string_view name, double value) {
    key(name);
    out_ += number(value);
  }
  void put(std::string_view name, int64_t value) {
    key(name);
    out_ += fmt::format("{}", value);
  }
  void put(std::string_view name, const Event& event) {
    key(name);
    write(event);
  }

  std::string& out_;
};

std::string_view kind_name(PrivacyUnit::Kind kind) {
  switch (kind) {
    case PrivacyUnit::Kind::record:
      return "record";
    case PrivacyUnit::Kind::user:
      return "user";
    case PrivacyUnit::Kind::group:
      return "group";
  }
  throw UsageError(fmt::format("[to_json] not a privacy unit: {}", static_cast<int>(kind)));
}

}  // namespace

std::string to_json(const AccountedEvents& events) {
  if (!events.adjacency) throw UsageError("[to_json] no adjacency; allowed are add_remove, zero_out and replace_one");
  validate(events.unit);
  validate(events.event);
  std::string out = fmt::format(R"({{"sotto_events":{},"adjacency":"{}","unit":{{"kind":"{}")", kEventsSchema,
                                to_string(*events.adjacency), kind_name(events.unit.kind));
  if (events.unit.kind == PrivacyUnit::Kind::group) out += fmt::format(R"(,"size":{})", events.unit.size);
  out += R"(},"event":)";
  Writer(out).write(events.event);
  out += '}';
  return out;
}

}  // namespace sotto::privacy

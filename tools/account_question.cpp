#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>
#include <sotto/tools/account_question.h>
#include <sotto/tools/account_values.h>

#include <algorithm>
#include <cmath>

namespace sotto::tools {
namespace {

using privacy::Adjacency;
using privacy::PrivacyUnit;

constexpr int kLeastDigits = 6, kMostDigits = 17;

Adjacency read_adjacency(const AccountFlags& flags) {
  if (!flags.has("--adjacency")) return Adjacency::add_remove;
  for (const Adjacency adjacency : {Adjacency::add_remove, Adjacency::zero_out, Adjacency::replace_one})
    if (flags.text("--adjacency") == to_string(adjacency)) return adjacency;
  throw UsageError(
      fmt::format("[--adjacency] unknown adjacency: '{}'; allowed are add-remove, zero-out and replace-one",
                  flags.text("--adjacency")));
}

PrivacyUnit read_unit(const AccountFlags& flags) {
  const std::string_view kind = flags.has("--unit") ? flags.text("--unit") : "record";
  if (kind == "group") {
    const int64_t size = count_value("--group-size", flags.required("--group-size"), 1);
    if (size > privacy::kLargestGroup)
      throw UsageError(fmt::format("[--group-size] bad value: {}; allowed is an integer from 1 to {}", size,
                                   privacy::kLargestGroup));
    return {.kind = PrivacyUnit::Kind::group, .size = size};
  }
  flags.refuse("--group-size", fmt::format("--unit {}", kind), "only --unit group has a size");
  if (kind == "record") return {};
  if (kind == "user") return {.kind = PrivacyUnit::Kind::user};
  throw UsageError(fmt::format("[--unit] unknown unit: '{}'; allowed are record, user and group", kind));
}

std::optional<privacy::Method> read_method(const AccountFlags& flags) {
  if (!flags.has("--method")) return std::nullopt;
  for (const privacy::Method method : privacy::kMethods)
    if (flags.text("--method") == to_string(method)) return method;
  throw UsageError(fmt::format("[--method] unknown method: '{}'; allowed are pld, contour, gaussian and rdp",
                               flags.text("--method")));
}

void refuse_beside(const AccountFlags& flags, std::string_view list) {
  for (const std::string_view flag :
       {"--sampling-rate", "--noise-multiplier", "--steps", "--epochs", "--batch", "--sampler", "--cap"})
    flags.refuse(flag, list, "it describes all releases");
}

privacy::Phase read_phase(const std::string& text) {
  std::vector<std::string> fields(1);
  for (const char c : text)
    if (c == ',')
      fields.emplace_back();
    else
      fields.back() += c;
  constexpr size_t kFields = 3;
  if (fields.size() != kFields)
    throw UsageError(fmt::format(
        "[--phase] '{}' has {} parts; allowed are three, sampling rate, noise multiplier and steps, as in 0.01,1.1,500",
        text, fields.size()));
  const double rate = rate_value("--phase", fields[0]), noise = noise_value("--phase", fields[1]);
  return {.event = {.sampling_rate = rate, .mechanism = {.noise_multiplier = noise}},
          .count = count_value("--phase", fields[2], 0)};
}

ListedReleases read_phases(const AccountFlags& flags) {
  refuse_beside(flags, "--phase");
  privacy::Phases phases;
  std::string description;
  for (const std::string& text : flags.phases) {
    phases.push_back(read_phase(text));
    const privacy::Phase& phase = phases.back();
    description += fmt::format("{}{} step{} at rate {} with noise multiplier {}", description.empty() ? "" : ", then ",
                               phase.count, phase.count == 1 ? "" : "s", phase.event.sampling_rate,
                               phase.event.mechanism.noise_multiplier);
  }
  return {.event = privacy::Event(phases), .description = "DP-SGD with Poisson sampling, " + description + ","};
}

void read_events_file(const AccountFlags& flags, AccountQuestion& question) {
  refuse_beside(flags, "--events");
  const std::string path(flags.text("--events"));
  privacy::AccountedEvents events;
  try {
    events = privacy::read_events(path);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("[--events] {}: {}", path, error.what()));
  }
  if (flags.has("--adjacency") && question.adjacency != events.adjacency)
    throw UsageError(fmt::format("[--adjacency] {} disagrees with {}, which says {}; leave the flag out",
                                 flags.text("--adjacency"), path, to_string(events.adjacency.value())));
  if (flags.has("--unit") && to_string(question.unit) != to_string(events.unit))
    throw UsageError(fmt::format("[--unit] {} disagrees with {}, which says {}; leave the flag out",
                                 to_string(question.unit), path, to_string(events.unit)));
  question.adjacency = events.adjacency.value();
  question.unit = events.unit;
  question.listed = ListedReleases{.event = std::move(events.event), .description = "The releases listed in " + path};
}

}  // namespace

privacy::AccountedEvents AccountQuestion::accounted() const {
  if (listed) return {.adjacency = adjacency, .unit = unit, .event = listed->event};
  return {.adjacency = adjacency,
          .unit = unit,
          .event = privacy::SelfComposed(sampling.step_event(noise_multiplier.value()), sampling.count().value())};
}

AccountQuestion read_question(const AccountFlags& flags, Unknown unknown) {
  AccountQuestion question;
  question.adjacency = read_adjacency(flags);
  question.unit = read_unit(flags);
  question.method = read_method(flags);
  if (flags.has("--width")) {
    const double width = width_value("--width", flags.text("--width"));
    question.precision = {.absolute = width, .relative = width};
    question.shown_digits = std::clamp(static_cast<int>(std::ceil(-std::log10(width))) + 2, kLeastDigits, kMostDigits);
  }
  if (flags.has("--events")) {
    if (!flags.phases.empty())
      throw UsageError("[--phase] does not apply to --events: the file describes all releases");
    read_events_file(flags, question);
    if (flags.has("--dataset-size"))
      question.sampling.dataset_size = count_value("--dataset-size", flags.text("--dataset-size"), 1);
    return question;
  }
  if (!flags.phases.empty()) {
    question.listed = read_phases(flags);
    if (flags.has("--dataset-size"))
      question.sampling.dataset_size = count_value("--dataset-size", flags.text("--dataset-size"), 1);
    return question;
  }
  question.sampling = read_sampling(flags, question.adjacency, unknown);
  if (unknown == Unknown::noise_multiplier) return question;
  question.noise_multiplier = noise_value("--noise-multiplier", flags.required("--noise-multiplier"));
  return question;
}

void check_method(const AccountQuestion& question) {
  const privacy::AccountedEvents events = question.accounted();
  std::string able;
  std::optional<std::string> reason;
  try {
    for (const privacy::Method method : privacy::kMethods) {
      const auto why = why_unsupported(method, events);
      if (why && question.method == method) reason = why;
      if (!why) able += fmt::format("{}{}", able.empty() ? "" : ", ", to_string(method));
    }
  } catch (const UsageError& error) {
    if (question.unit.size > 1) throw UsageError(fmt::format("[--unit] {}", error.what()));
    throw;
  }
  if (reason)
    throw UsageError(fmt::format("[--method] {} cannot account for this: {}; allowed here: {}",
                                 to_string(*question.method), *reason, able));
}

std::vector<std::string> warnings(const AccountQuestion& question, double epsilon, double delta) {
  return privacy::budget_warnings({.epsilon = epsilon, .delta = delta}, question.sampling.dataset_size);
}

}  // namespace sotto::tools

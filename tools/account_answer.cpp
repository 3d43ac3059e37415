#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sotto/tools/account_answer.h>
#include <sotto/tools/account_statement.h>
#include <sotto/tools/json_number.h>
#include <sotto/tools/numbers.h>

#include <algorithm>
#include <cmath>
#include <ostream>

namespace sotto::tools {
namespace {

constexpr int kLabelWidth = 18;

void line(std::ostream& out, std::string_view label, const std::string& value) {
  fmt::print(out, "{:<{}}{}\n", label, kLabelWidth, value);
}

bool is_given(const privacy::Bracket& bracket) {
  return bracket.lower == bracket.upper && bracket.upper > 0 && std::isfinite(bracket.upper);
}

std::string shown_upper(const AccountAnswer& answer, const privacy::Bracket& bracket, std::optional<double> target) {
  if (is_given(bracket)) return fmt::format("{}", bracket.upper);
  std::string text = format_rounded_up(bracket.upper, answer.question.shown_digits);
  if (target && bracket.upper <= *target && parse_real("target", text) > *target) return fmt::format("{}", *target);
  return text;
}

// Nothing to say about a lower end that is the upper one, infinite, or zero for want of a bound.
std::optional<std::string> shown_lower(const AccountAnswer& answer, const privacy::Bracket& bracket) {
  if (is_given(bracket) || !(bracket.lower > 0) || std::isinf(bracket.lower)) return std::nullopt;
  return format_rounded_down(bracket.lower, answer.question.shown_digits);
}

std::string shown_noise(const AccountAnswer& answer) {
  if (!answer.question.noise_multiplier) return "";
  if (answer.calibrated == Unknown::noise_multiplier)
    return format_rounded_up(*answer.question.noise_multiplier, answer.question.shown_digits);
  return fmt::format("{}", *answer.question.noise_multiplier);
}

std::string shown_bracket(const AccountAnswer& answer, const privacy::Bracket& bracket, std::optional<double> target) {
  const auto lower = shown_lower(answer, bracket);
  return shown_upper(answer, bracket, target) + (lower ? " (lower end " + *lower + ")" : "");
}

// The question with the rate as it is shown: one that was calibrated is rounded down.
AccountQuestion shown_question(const AccountAnswer& answer) {
  AccountQuestion question = answer.question;
  if (answer.calibrated == Unknown::sampling_rate)
    question.sampling.rate =
        parse_real("rate", format_rounded_down(question.sampling.rate.value(), question.shown_digits));
  return question;
}

std::string sampler_name(const AccountQuestion& question) {
  if (question.listed) return "as listed";
  return std::string(to_string(question.sampling.sampler));
}

void print_text(const AccountAnswer& answer, std::ostream& out) {
  const AccountQuestion question = shown_question(answer);
  const Sampling& sampling = question.sampling;
  line(out, "epsilon", shown_bracket(answer, answer.epsilon, answer.target_epsilon));
  line(out, "delta", shown_bracket(answer, answer.delta, std::nullopt));
  if (!question.listed) {
    line(out, "noise multiplier", shown_noise(answer));
    const std::string note = sampling.steps_note.empty() ? "" : " (" + sampling.steps_note + ")";
    if (sampling.sampler == Sampler::shuffle) line(out, "epochs", fmt::format("{}{}", *sampling.epochs, note));
    if (sampling.steps)
      line(out, "steps", fmt::format("{}{}", *sampling.steps, sampling.sampler == Sampler::shuffle ? "" : note));
    if (sampling.rate) line(out, "sampling rate", fmt::format("{}", *sampling.rate));
    if (sampling.cap) line(out, "cap", fmt::format("{}", *sampling.cap));
  }
  line(out, "sampler", sampler_name(question));
  line(out, "adjacency", std::string(to_string(question.adjacency)));
  line(out, "unit", to_string(question.unit));
  line(out, "method", answer.method);
  if (!question.listed && sampling.sampler == Sampler::shuffle)
    line(out, "amplification",
         fmt::format("none{}",
                     answer.if_poisson
                         ? fmt::format("; if sampling were Poisson: epsilon {} (hypothetical, UNPROVEN)",
                                       format_rounded_up(answer.if_poisson->bracket.upper, question.shown_digits))
                         : ""));
  fmt::print(out, "{}\n", statement(answer));
}

void print_json(const AccountAnswer& answer, std::ostream& out) {
  const AccountQuestion& question = answer.question;
  const Sampling& sampling = question.sampling;
  nlohmann::ordered_json object = {{"epsilon_lower", json_number(answer.epsilon.lower)},
                                   {"epsilon_upper", json_number(answer.epsilon.upper)},
                                   {"delta_lower", json_number(answer.delta.lower)},
                                   {"delta_upper", json_number(answer.delta.upper)},
                                   {"noise_multiplier", json_value(question.noise_multiplier)},
                                   {"steps", json_value(sampling.steps)},
                                   {"sampling_rate", json_value(sampling.rate)},
                                   {"sampler", sampler_name(question)},
                                   {"adjacency", to_string(question.adjacency)},
                                   {"unit", to_string(question.unit)},
                                   {"method", answer.method}};
  if (sampling.epochs) object["epochs"] = *sampling.epochs;
  if (sampling.dataset_size) object["dataset_size"] = *sampling.dataset_size;
  if (sampling.batch) object["batch"] = *sampling.batch;
  if (sampling.cap) object["cap"] = *sampling.cap;
  if (answer.target_epsilon) {
    object["target_epsilon"] = *answer.target_epsilon;
    object["slack"] = *answer.target_epsilon - answer.epsilon.upper;
  }
  if (answer.if_poisson)
    object["hypothetical_UNPROVEN"] = {{"sampler", "poisson"},
                                       {"epsilon_lower", json_number(answer.if_poisson->bracket.lower)},
                                       {"epsilon_upper", json_number(answer.if_poisson->bracket.upper)}};
  object["statement"] = statement(answer);
  out << object.dump(2) << '\n';
}

}  // namespace

std::string statement(const AccountAnswer& answer) {
  const auto lower = shown_lower(answer, answer.epsilon);
  const auto lower_delta = shown_lower(answer, answer.delta);
  return statement(shown_question(answer), shown_noise(answer),
                   {.epsilon = shown_upper(answer, answer.epsilon, answer.target_epsilon),
                    .delta = shown_upper(answer, answer.delta, std::nullopt),
                    .lower_end = lower         ? "lower end of epsilon " + *lower
                                 : lower_delta ? "lower end of delta " + *lower_delta
                                               : "",
                    .method = answer.method});
}

void print_answer(const AccountAnswer& answer, bool json, std::ostream& out) {
  if (json)
    print_json(answer, out);
  else
    print_text(answer, out);
}

}  // namespace sotto::tools

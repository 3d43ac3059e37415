#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/merged_events.h>
#include <sotto/tools/account_compare.h>
#include <sotto/tools/account_engines.h>
#include <sotto/tools/account_statement.h>
#include <sotto/tools/json_number.h>
#include <sotto/tools/numbers.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <ostream>

namespace sotto::tools {
namespace {

using privacy::Adjacency;
using privacy::Method;

template <typename Compute>
EngineRow timed(std::string method, const Compute& compute) {
  EngineRow row{.method = std::move(method)};
  const auto start = std::chrono::steady_clock::now();
  try {
    compute(row);
  } catch (const UsageError& error) {
    row.note = error.what();
  }
  row.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return row;
}

privacy::Bracket ask(const privacy::Accountant& accountant, const AccountQuestion& question) {
  return question.delta ? accountant.epsilon(*question.delta) : accountant.delta(question.epsilon.value());
}

EngineRow engine_row(const AccountQuestion& question, Method method) {
  const privacy::AccountedEvents events = question.accounted();
  if (const auto reason = why_unsupported(method, events))
    return {.method = method_name(method), .note = "unsupported: " + *reason};
  return timed(method_name(method), [&](EngineRow& row) {
    row.bracket = ask(*make_accountant(method, events, question.precision), question);
    row.note = method == Method::rdp ? "upper bound only" : "certified from both sides";
  });
}

EngineRow certified_row(const AccountQuestion& question) {
  AccountQuestion all = question;
  all.method.reset();
  return timed("certified", [&](EngineRow& row) {
    const EngineAnswer answer =
        question.delta ? bracket_epsilon(all, *question.delta) : bracket_delta(all, question.epsilon.value());
    row.method = answer.method;
    row.bracket = answer.bracket;
    row.note = "common part of the brackets";
  });
}

EngineRow estimate_row(const AccountQuestion& question) {
  return timed("clt (ESTIMATE)", [&](EngineRow& row) {
    if (question.adjacency == Adjacency::replace_one || question.unit.size > 1)
      throw UsageError("unsupported: the limit is known for single records under add-remove and zero-out");
    const privacy::MergedEvents merged = merge(question.adjacency, question.accounted().event);
    double squared_mean = merged.squared_gaussian_mean;
    for (const auto& term : merged.terms) {
      const auto* sampled = std::get_if<privacy::PoissonSampled>(&term.event);
      if (sampled == nullptr) throw UsageError("unsupported: the limit is known for Poisson sampling");
      const double rate = sampled->sampling_rate, noise = sampled->mechanism.noise_multiplier;
      squared_mean += term.count * rate * rate * std::expm1(1 / (noise * noise));
    }
    const double mean = std::sqrt(squared_mean);
    if (merged.non_private || !std::isfinite(mean)) throw UsageError("unsupported: the limit is infinite");
    if (mean == 0) throw UsageError("unsupported: nothing is released");
    if (question.delta == 0.0) throw UsageError("unsupported: delta must be above 0");
    const double value = question.delta ? privacy::gaussian_epsilon(mean, *question.delta)
                                        : privacy::gaussian_delta(mean, question.epsilon.value());
    row.bracket = privacy::Bracket{value, value};
    row.note = "ESTIMATE, not a bound: it may be below the truth";
  });
}

const char* quantity(const AccountQuestion& question) {
  return question.delta ? "epsilon" : "delta";
}

std::string given(const AccountQuestion& question) {
  return question.delta ? fmt::format("at delta {}", *question.delta)
                        : fmt::format("at epsilon {}", question.epsilon.value());
}

std::string heading(const AccountQuestion& question) {
  const std::string noise = question.noise_multiplier ? fmt::format("{}", *question.noise_multiplier) : "";
  std::string sentence = describe_releases(question, noise);
  if (sentence.back() == ',') sentence.pop_back();
  return fmt::format("{} {}, when {}; UNPROVEN because this command sees no data: sampler and clipping", sentence,
                     given(question), describe_neighbours(question));
}

void print_text(const AccountQuestion& question, const std::vector<EngineRow>& rows, std::ostream& out) {
  const int digits = question.shown_digits;
  const std::string name = quantity(question);
  fmt::print(out, "{}\n", heading(question));
  fmt::print(out, "{:<32}{:<20}{:<20}{:<10}{:>8}  {}\n", "method", name + " lower", name + " upper", "width", "ms",
             "what it is");
  for (const EngineRow& row : rows) {
    const std::string lower = row.bracket ? format_rounded_down(row.bracket->lower, digits) : "-";
    const std::string upper = row.bracket ? format_rounded_up(row.bracket->upper, digits) : "-";
    const std::string width =
        row.bracket && std::isfinite(row.bracket->width()) ? format_rounded_up(row.bracket->width(), 2) : "-";
    fmt::print(out, "{:<32}{:<20}{:<20}{:<10}{:>8.2f}  {}\n", row.method, lower, upper, width, row.milliseconds,
               row.note);
  }
}

std::string quoted(const std::string& text) {
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
  return field + "\"";
}

void print_csv(const AccountQuestion& question, const std::vector<EngineRow>& rows, std::ostream& out) {
  fmt::print(out, "# {}\nmethod,{}_lower,{}_upper,milliseconds,note\n", heading(question), quantity(question),
             quantity(question));
  for (const EngineRow& row : rows) {
    if (row.bracket)
      fmt::print(out, "{},{},{},{:.3f},{}\n", quoted(row.method), row.bracket->lower, row.bracket->upper,
                 row.milliseconds, quoted(row.note));
    else
      fmt::print(out, "{},,,{:.3f},{}\n", quoted(row.method), row.milliseconds, quoted(row.note));
  }
}

void print_json(const AccountQuestion& question, const std::vector<EngineRow>& rows, std::ostream& out) {
  nlohmann::ordered_json object = {
      {"statement", heading(question)},
      {"adjacency", to_string(question.adjacency)},
      {"unit", to_string(question.unit)},
      {question.delta ? "delta" : "epsilon", question.delta ? *question.delta : question.epsilon.value()}};
  const std::string name = quantity(question);
  for (const EngineRow& row : rows) {
    nlohmann::ordered_json entry = {{"method", row.method}};
    entry[name + "_lower"] = row.bracket ? json_number(row.bracket->lower) : nlohmann::ordered_json();
    entry[name + "_upper"] = row.bracket ? json_number(row.bracket->upper) : nlohmann::ordered_json();
    entry["milliseconds"] = row.milliseconds;
    entry["note"] = row.note;
    object["engines"].push_back(std::move(entry));
  }
  out << object.dump(2) << '\n';
}

}  // namespace

std::vector<EngineRow> compare_engines(const AccountQuestion& question, bool estimate) {
  std::vector<EngineRow> rows;
  for (const Method method : privacy::kMethods) rows.push_back(engine_row(question, method));
  rows.push_back(certified_row(question));
  if (estimate) rows.push_back(estimate_row(question));
  return rows;
}

void print_comparison(const AccountQuestion& question, const std::vector<EngineRow>& rows, TableFormat format,
                      std::ostream& out) {
  switch (format) {
    case TableFormat::text:
      return print_text(question, rows, out);
    case TableFormat::csv:
      return print_csv(question, rows, out);
    case TableFormat::json:
      return print_json(question, rows, out);
  }
}

}  // namespace sotto::tools

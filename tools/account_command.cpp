#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/account_answer.h>
#include <sotto/tools/account_calibration.h>
#include <sotto/tools/account_command.h>
#include <sotto/tools/account_compare.h>
#include <sotto/tools/account_curve.h>
#include <sotto/tools/account_examples.h>
#include <sotto/tools/account_flags.h>
#include <sotto/tools/account_rdp.h>
#include <sotto/tools/account_statement.h>
#include <sotto/tools/account_values.h>
#include <sotto/tools/json_number.h>
#include <sotto/tools/numbers.h>

#include <functional>
#include <memory>
#include <ostream>

namespace sotto::tools {
namespace {

using Names = std::vector<std::string_view>;

struct Streams {
  std::ostream& out;
  std::ostream& err;
};

Names operator+(Names left, const Names& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

void warn(const AccountAnswer& answer, std::ostream& err) {
  for (const std::string& sentence : warnings(answer.question, answer.epsilon.upper, answer.delta.upper))
    fmt::print(err, "sotto: warning: {}\n", sentence);
}

void finish(const AccountAnswer& answer, const AccountFlags& flags, const Streams& streams) {
  print_answer(answer, flags.json, streams.out);
  warn(answer, streams.err);
}

AccountAnswer epsilon_answer(AccountQuestion question, double delta) {
  question.delta = delta;
  const EngineAnswer found = bracket_epsilon(question, delta);
  return {.question = question,
          .epsilon = found.bracket,
          .delta = {delta, delta},
          .method = found.method,
          .if_poisson = epsilon_if_poisson(question, delta)};
}

AccountAnswer delta_answer(AccountQuestion question, double epsilon) {
  question.epsilon = epsilon;
  const EngineAnswer found = bracket_delta(question, epsilon);
  return {.question = question, .epsilon = {epsilon, epsilon}, .delta = found.bracket, .method = found.method};
}

void ask_epsilon(const AccountFlags& flags, const Streams& streams) {
  const AccountQuestion question = read_question(flags, Unknown::nothing);
  finish(epsilon_answer(question, delta_value("--delta", flags.required("--delta"))), flags, streams);
}

void ask_delta(const AccountFlags& flags, const Streams& streams) {
  const AccountQuestion question = read_question(flags, Unknown::nothing);
  finish(delta_answer(question, epsilon_value("--epsilon", flags.required("--epsilon"))), flags, streams);
}

// Which of --epsilon and --delta a question that takes either was given.
bool asks_for_epsilon(const AccountFlags& flags) {
  if (flags.has("--epsilon") == flags.has("--delta"))
    throw UsageError(flags.has("--delta") ? "[--epsilon] and --delta exclude each other: the one left out is computed"
                                          : "[--delta] missing: give --delta to ask for epsilon, or --epsilon to ask "
                                            "for delta");
  return flags.has("--delta");
}

void ask_composed(const AccountFlags& flags, const Streams& streams) {
  if (!flags.has("--events") && flags.phases.empty())
    throw UsageError("[--events] missing: give a file of releases, or --phase Q,SIGMA,T once for each phase");
  const AccountQuestion question = read_question(flags, Unknown::nothing);
  finish(asks_for_epsilon(flags) ? epsilon_answer(question, delta_value("--delta", flags.text("--delta")))
                                 : delta_answer(question, epsilon_value("--epsilon", flags.text("--epsilon"))),
         flags, streams);
}

void ask_calibrated(Unknown unknown, const AccountFlags& flags, const Streams& streams) {
  AccountQuestion question = read_question(flags, unknown);
  question.epsilon = epsilon_target_value("--epsilon", flags.required("--epsilon"));
  question.delta = delta_target_value("--delta", flags.required("--delta"));
  finish(calibrate(question, unknown), flags, streams);
}

template <typename Format>
Format format_of(const AccountFlags& flags) {
  if (flags.csv && flags.json) throw UsageError("[--csv] and --json exclude each other: give one of them");
  return flags.json ? Format::json : flags.csv ? Format::csv : Format::text;
}

void ask_rdp(const AccountFlags& flags, const Streams& streams) {
  const auto format = format_of<RdpFormat>(flags);
  const AccountQuestion question = read_question(flags, Unknown::nothing);
  print_rdp(question, rdp_rows(question, read_orders(flags.required("--order"))), format, streams.out);
}

void ask_comparison(const AccountFlags& flags, const Streams& streams) {
  const auto format = format_of<TableFormat>(flags);
  AccountQuestion question = read_question(flags, Unknown::nothing);
  if (asks_for_epsilon(flags))
    question.delta = delta_value("--delta", flags.text("--delta"));
  else
    question.epsilon = epsilon_value("--epsilon", flags.text("--epsilon"));
  print_comparison(question, compare_engines(question, flags.estimate), format, streams.out);
}

void print_curve_json(const PrivacyCurve& curve, const AccountQuestion& question, const std::string& heading,
                      std::ostream& out) {
  nlohmann::ordered_json object = {{"statement", heading},
                                   {"adjacency", to_string(question.adjacency)},
                                   {"unit", to_string(question.unit)},
                                   {"method", curve.method}};
  for (const ProfilePoint& point : curve.profile)
    object["epsilon_delta"].push_back(
        {{"epsilon", point.epsilon}, {"delta_lower", point.delta.lower}, {"delta_upper", point.delta.upper}});
  for (const TradeOffPoint& point : curve.trade_off)
    object["trade_off"].push_back(
        {{"type_one_error", point.type_one_error}, {"type_two_error_lower", point.type_two_error}});
  out << object.dump(2) << '\n';
}

int points_value(const AccountFlags& flags) {
  constexpr int kDefault = 60, kFewest = 2, kMost = 1000;
  if (!flags.has("--points")) return kDefault;
  const int64_t points = parse_integer("--points", flags.text("--points"));
  if (points < kFewest || points > kMost)
    throw UsageError(
        fmt::format("[--points] bad value: {}; allowed is an integer from {} to {}", points, kFewest, kMost));
  return static_cast<int>(points);
}

void ask_curve(const AccountFlags& flags, const Streams& streams) {
  if (flags.csv && flags.json) throw UsageError("[--csv] and --json exclude each other: give one of them");
  for (const std::string_view flag : {"--output", "--picture"})
    if (flags.has(flag) && flags.text(flag).empty())
      throw UsageError(fmt::format("[{}] bad name: ''; allowed is the name of a file", flag));
  if (flags.has("--picture") && !flags.text("--picture").ends_with(".svg"))
    throw UsageError(fmt::format("[--picture] {} is no name of an SVG picture; allowed is one that ends in .svg",
                                 flags.text("--picture")));
  if (flags.has("--output") && flags.text("--output") == flags.text("--picture"))
    throw UsageError(fmt::format("[--picture] {} is the file of --output; allowed is another", flags.text("--output")));
  AccountQuestion question = read_question(flags, Unknown::nothing);
  question.delta = delta_target_value("--delta", flags.required("--delta"));
  const PrivacyCurve curve = privacy_curve(question, points_value(flags));
  const std::string noise = question.noise_multiplier ? fmt::format("{}", *question.noise_multiplier) : "";
  const std::string heading = fmt::format("{} when {}; UNPROVEN: sampler and clipping, which this command cannot see",
                                          describe_releases(question, noise), describe_neighbours(question));
  std::string written;
  const auto write = [&](std::string_view flag, const std::string& content) {
    if (!flags.has(flag)) return;
    privacy::write_file_atomically(std::string(flags.text(flag)), content);
    if (!flags.json && !flags.csv) written += fmt::format("{} written\n", flags.text(flag));
  };
  write("--output", curve_csv(curve, heading));
  write("--picture", curve_svg(curve, heading));
  streams.out << written;
  if (flags.json)
    print_curve_json(curve, question, heading, streams.out);
  else if (flags.csv || (!flags.has("--output") && !flags.has("--picture")))
    streams.out << curve_csv(curve, heading);
  else
    fmt::print(streams.out, "{} points up to epsilon {} (delta {}), method {}\n{}\n", curve.profile.size(),
               format_rounded_up(curve.profile.back().epsilon, question.shown_digits), *question.delta, curve.method,
               heading);
}

using Ask = std::function<void(const AccountFlags&, const Streams&)>;

void add_query(CLI::App& account, const char* name, const char* what, const Names& flag_names, const Ask& ask,
               const Streams& streams) {
  CLI::App* query = account.add_subcommand(name, what);
  query->footer(std::string(account_example(name)));
  const auto flags = std::make_shared<AccountFlags>();
  add_account_flags(*query, flag_names, flags);
  query->callback([=] { ask(*flags, streams); });
}

}  // namespace

void add_account_command(CLI::App& app, std::ostream& out, std::ostream& err) {
  CLI::App* account = app.add_subcommand(
      "account", "Epsilon, delta, noise, steps or curves of private training, without running anything");
  account->require_subcommand(1);
  account->footer("Each question has its own --help with a worked example.");
  const Streams streams{out, err};
  const auto calibrated = [](Unknown unknown) {
    return [unknown](const AccountFlags& flags, const Streams& to) { ask_calibrated(unknown, flags, to); };
  };
  const Names sizes = {"--dataset-size", "--batch", "--cap", "--sampler", "--adjacency"};
  const Names rate = {"--sampling-rate"}, noise = {"--noise-multiplier"}, steps = {"--steps", "--epochs"};
  const Names unit = {"--unit", "--group-size"}, engine = {"--method", "--width"};
  const Names run = noise + rate + steps + sizes + unit;
  const Names epsilon = {"--epsilon"}, delta = {"--delta"}, both = epsilon + delta;
  const Names events = {"--events"}, json = {"--json"}, csv = {"--csv"};

  add_query(*account, "epsilon", "What epsilon does a run have?", run + delta + engine + events + json, ask_epsilon,
            streams);
  add_query(*account, "delta", "What delta does a run have at a given epsilon?", run + epsilon + engine + events + json,
            ask_delta, streams);
  add_query(*account, "noise", "What is the smallest noise multiplier within a budget?",
            rate + steps + sizes + unit + both + engine + json, calibrated(Unknown::noise_multiplier), streams);
  add_query(*account, "steps", "What is the largest number of steps within a budget?",
            noise + rate + sizes + unit + both + engine + json, calibrated(Unknown::steps), streams);
  add_query(*account, "rate", "What is the largest sampling rate within a budget?",
            noise + steps + sizes + unit + both + engine + json, calibrated(Unknown::sampling_rate), streams);
  add_query(*account, "rdp", "What are the Renyi divergences of a run?", run + Names{"--order"} + json + csv, ask_rdp,
            streams);
  add_query(*account, "compose", "What do several phases or listed releases cost together?",
            events + Names{"--phase"} + both + Names{"--dataset-size", "--adjacency"} + unit + engine + json,
            ask_composed, streams);
  add_query(*account, "compare", "What do all accountants say, side by side?",
            run + both + events + Names{"--phase", "--width", "--estimate"} + json + csv, ask_comparison, streams);
  add_query(*account, "curve", "All (epsilon, delta) of a run and an attacker's errors, as table and picture",
            run + delta + engine + events + Names{"--phase", "--points", "--output", "--picture"} + json + csv,
            ask_curve, streams);
}

}  // namespace sotto::tools

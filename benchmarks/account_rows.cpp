#include <fmt/format.h>
#include <sotto/benchmarks/account_rows.h>
#include <sotto/benchmarks/child_process.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/error.h>

#include <nlohmann/json.hpp>

namespace sotto::benchmarks {
namespace {

using privacy::AccountedEvents;
using privacy::Method;
using privacy::Precision;

struct Run {
  double sampling_rate, noise_multiplier;
  int64_t steps;
  double delta;
};

constexpr Run kLong{0.01, 1, 10'000, 1e-5};
constexpr Run kEndless{0.01, 1, 1'000'000'000, 1e-5};
constexpr Run kRare{1e-6, 1, 1'000'000, 1e-5};
constexpr Run kRareAndLoud{1e-6, 0.4, 1'000'000, 1e-10};  // a row of the golden table

constexpr double kMilli = 1e-3;
constexpr int64_t kMebi = 1 << 20;

AccountedEvents events(const Run& run) {
  const privacy::PoissonSampled step{run.sampling_rate, {run.noise_multiplier}};
  return {.adjacency = privacy::Adjacency::add_remove, .unit = {}, .event = privacy::SelfComposed(step, run.steps)};
}

std::string text(const Run& run) {
  return fmt::format("q {}, sigma {}, T {}, delta {}", run.sampling_rate, run.noise_multiplier,
                     run.steps < 1'000'000 ? fmt::format("{}", run.steps) : fmt::format("{:.0e}", double(run.steps)),
                     run.delta);
}

AccountRow certified_row(const std::string& name, const Run& run, double bar_seconds) {
  return {name, text(run), "certified", "epsilon", {.seconds = bar_seconds, .width = {}, .peak_bytes = {}}, [run] {
            const auto found = privacy::certified_epsilon(events(run), run.delta);
            return AccountAnswer{found.bracket.lower, found.bracket.upper};
          }};
}

AccountRow engine_row(const std::string& name, const Run& run, Method method, const AccountBar& bar) {
  const double width = bar.width.value_or(Precision{}.absolute);
  return {name, text(run), std::string(to_string(method)), "epsilon", bar, [run, method, width] {
            const auto accountant = make_accountant(method, events(run), {.absolute = width, .relative = width});
            const privacy::Bracket bracket = accountant->epsilon(run.delta);
            if (method == Method::rdp) return AccountAnswer{{}, bracket.upper};
            return AccountAnswer{bracket.lower, bracket.upper};
          }};
}

AccountRow calibration_row(const std::string& name, Method method, double bar_seconds) {
  return {name,
          "least sigma: q 0.01, T 1000, epsilon 1, delta 1e-05",
          std::string(to_string(method)),
          "noise multiplier",
          {.seconds = bar_seconds, .width = {}, .peak_bytes = {}},
          [method] {
            const auto run = [](double noise) { return events({0.01, noise, 1000, 1e-5}); };
            const auto found = privacy::smallest_noise_multiplier(
                {.budget = {.epsilon = 1, .delta = 1e-5}, .method = method, .precision = {}}, run);
            return AccountAnswer{{}, found.value};
          }};
}

}  // namespace

std::vector<AccountRow> account_rows() {
  return {
      engine_row("pld-1e-3", kLong, Method::pld, {.seconds = 50 * kMilli, .width = 1e-3, .peak_bytes = {}}),
      engine_row("contour-1e-6", kLong, Method::contour, {.seconds = 50 * kMilli, .width = 1e-6, .peak_bytes = {}}),
      engine_row("pld-1e-6", kLong, Method::pld, {.seconds = 5, .width = 1e-6, .peak_bytes = 512 * kMebi}),
      engine_row("pld-endless", kEndless, Method::pld, {.seconds = 1, .width = {}, .peak_bytes = {}}),
      certified_row("certified-endless", kEndless, 1),
      engine_row("pld-rare", kRare, Method::pld, {.seconds = 1, .width = {}, .peak_bytes = {}}),
      certified_row("certified-rare", kRare, 1),
      certified_row("certified-rare-loud", kRareAndLoud, 1),
      engine_row("rdp", kLong, Method::rdp, {.seconds = 0.2 * kMilli, .width = {}, .peak_bytes = {}}),
      calibration_row("calibration-rdp", Method::rdp, 1 * kMilli),
      calibration_row("calibration-pld", Method::pld, 20 * kMilli),
  };
}

AccountRow process_row(const std::string& program) {
  const Run& run = kLong;
  std::vector<std::string> words{program,
                                 "account",
                                 "epsilon",
                                 "--json",
                                 "--sampling-rate",
                                 fmt::format("{}", run.sampling_rate),
                                 "--noise-multiplier",
                                 fmt::format("{}", run.noise_multiplier),
                                 "--steps",
                                 fmt::format("{}", run.steps),
                                 "--delta",
                                 fmt::format("{}", run.delta)};
  return {"process",
          "sotto account epsilon: " + text(run),
          "default",
          "epsilon",
          {.seconds = 30 * kMilli, .width = {}, .peak_bytes = {}},
          [words] {
            const auto object = nlohmann::json::parse(output_of(words));
            if (!object.contains("epsilon_upper")) return AccountAnswer{{}, object.at("epsilon").get<double>()};
            return AccountAnswer{object.at("epsilon_lower").get<double>(), object.at("epsilon_upper").get<double>()};
          }};
}

}  // namespace sotto::benchmarks

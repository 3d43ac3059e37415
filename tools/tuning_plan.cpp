#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/selection_calibration.h>
#include <sotto/tools/config_file.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/train_flags.h>
#include <sotto/tools/tuning_plan.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace sotto::tools {
namespace {

constexpr double kRunsOfACandidate = 2;  // in the mean, unless the user says otherwise
constexpr double kShownProbability = 0.95;

bool has_tests(const TrainOptions& o) {
  return !o.dataset.empty() || !o.test_images.empty() || !o.test_table.empty() || !o.test_data.empty() ||
         o.test_fraction.has_value();
}

void require_tunable(const TrainOptions& o) {
  if (o.rule == "none")
    throw UsageError(
        "[tune] rule none is plain training and NOT PRIVATE: there is no budget that a choice would spend");
  if (o.noise != "normal")
    throw UsageError("[--noise] sotto tune knows the cost of a choice for normal noise only; leave --noise out");
  for (const auto& [flag, given] : {std::pair{"--private-metrics", o.private_metrics.has_value()},
                                    {"--metric-noise", o.metric_noise.has_value()},
                                    {"--stop-early", o.stop_early.has_value()}})
    if (given)
      throw UsageError(fmt::format(
          "[{}] has no place in sotto tune: its runs are compared on public tests, and it knows nothing of the cost of "
          "evaluations on private records",
          flag));
  if (o.insecure_test_seed) throw UsageError("[--insecure-test-seed] has no place in sotto tune");
  if (!has_tests(o))
    throw UsageError(
        "[tune] no tests: runs are compared on test records, which are treated as public; give --test-images, "
        "--test-table, --test-data or --test-fraction");
  if (tests_are_the_records(o))
    throw UsageError(
        "[tune] the tests are the private records: a score of these is not covered by what the runs spend; name other "
        "records, which are treated as public");
  if (o.epsilon.has_value() == o.noise_multiplier.has_value())
    throw UsageError(o.epsilon
                         ? "[tune] --epsilon and --noise-multiplier exclude each other"
                         : "[tune] no budget: give --epsilon, of the whole tuning, or --noise-multiplier, of every "
                           "run");
}

// With this noise.
std::pair<TrainOptions, TrainingPlan> plan_of(const TuningQuestion& question, const KeyTexts& candidate, double noise) {
  try {
    TrainOptions options = given_options(joined(question.given, candidate), question.runs);
    require_tunable(options);
    options.epsilon.reset();
    options.noise_multiplier = noise;
    TrainingPlan plan = make_training_plan(options);
    options = resolved(options, plan);
    return {std::move(options), std::move(plan)};
  } catch (const UsageError& error) {
    throw UsageError(candidate.empty() ? error.what() : fmt::format("{} (with {})", error.what(), to_text(candidate)));
  }
}

void require_same_releases(const TrainingPlan& first, const TrainingPlan& other, const KeyTexts& candidate) {
  const privacy::PrivacyPlan &a = *first.privacy, &b = *other.privacy;
  const auto unit = [](const TrainingPlan& plan) { return plan.data.text ? plan.data.text->texts_per_group : 0; };
  if (a.sampling_rate() == b.sampling_rate() && a.steps() == b.steps() && a.delta() == b.delta() &&
      a.dataset_size() == b.dataset_size() && unit(first) == unit(other))
    return;
  throw UsageError(
      fmt::format("[--try] with {} a run takes {} steps at sampling rate {}, and the first candidate {} at {}; all "
                  "candidates must spend the same: give --batch and --steps",
                  to_text(candidate), b.steps(), b.sampling_rate(), a.steps(), a.sampling_rate()));
}

std::string score_of(const TrainingPlan& plan) {
  const bool regression = plan.data.text && plan.data.text->labels().is_range();
  return regression ? "root mean square error on the test records" : "accuracy on the test records";
}

double log_first_weight(const privacy::TruncatedNegativeBinomial& law) {
  const double x = -std::log(law.gamma), p = -std::expm1(-x);
  return law.eta == 0 ? std::log(p / x) : std::log(p * law.eta / std::expm1(law.eta * x));
}

std::string shown_epsilon_of(const TuningPlan& plan) {
  return format_bound(plan.epsilon, plan.target);
}

double eta_of(const std::string& law) {
  if (law == "logarithmic") return 0;
  if (law == "geometric") return 1;
  try {
    return parse_real("--law", law);
  } catch (const UsageError&) {
    throw UsageError(
        fmt::format("[--law] unknown value: '{}'; allowed are poisson, logarithmic, geometric, and eta of a truncated "
                    "negative binomial law, a number above -1",
                    law));
  }
}

// What a run of its own would need to meet the target.
double noise_of_one_run(const privacy::PrivacyPlan& of_tuning, double target) {
  const privacy::PrivacyPlan alone({.adjacency = of_tuning.adjacency(),
                                    .dataset_size = of_tuning.dataset_size(),
                                    .expected_batch_size = of_tuning.expected_batch_size(),
                                    .steps = of_tuning.steps(),
                                    .delta = of_tuning.delta(),
                                    .epsilon = target});
  return alone.noise_multiplier();
}

}  // namespace

privacy::SelectionRuns law_of_runs(const std::string& name, double mean) {
  if (name == "poisson") {
    const privacy::PoissonRuns law{mean};
    validate(privacy::SelectionRuns(law));
    return law;
  }
  return privacy::truncated_negative_binomial(eta_of(name), mean);
}

std::int64_t most_runs(const privacy::SelectionRuns& runs, double probability) {
  const auto* negative = std::get_if<privacy::TruncatedNegativeBinomial>(&runs);
  std::int64_t count = negative != nullptr ? 1 : 0;
  double log_weight = negative != nullptr ? log_first_weight(*negative) : -std::get<privacy::PoissonRuns>(runs).mean;
  constexpr std::int64_t kMost = 1 << 28;
  for (double sum = std::exp(log_weight); sum < probability && count < kMost; sum += std::exp(log_weight)) {
    const auto k = static_cast<double>(count++);
    log_weight += negative != nullptr ? std::log((1 - negative->gamma) * (k + negative->eta) / (k + 1))
                                      : std::log(std::get<privacy::PoissonRuns>(runs).mean / (k + 1));
  }
  return count;
}

TuningPlan make_tuning_plan(const TuningQuestion& question, const std::string& time) {
  TuningPlan result;
  result.grid = parse_tuning_grid(question.tries, question.given, question.runs);
  result.record.time = time;
  result.record.candidates = candidates(result.grid);
  const auto number = static_cast<double>(result.record.candidates.size());
  result.record.runs = law_of_runs(question.law, question.expected_runs.value_or(kRunsOfACandidate * number));

  const TrainOptions first = given_options(joined(question.given, result.record.candidates[0]), question.runs);
  require_tunable(first);
  result.target = first.epsilon;
  double noise = first.noise_multiplier.value_or(1);
  if (first.epsilon) {
    const TrainingPlan probe = plan_of(question, result.record.candidates[0], noise).second;
    const privacy::PrivacyPlan& p = *probe.privacy;
    noise = privacy::smallest_noise_multiplier(result.record.runs, {.epsilon = *first.epsilon, .delta = p.delta()},
                                               {p.adjacency(), p.sampling_rate(), p.steps()})
                .value;
  }
  for (const KeyTexts& candidate : result.record.candidates) {
    auto [options, plan] = plan_of(question, candidate, noise);
    if (!result.plans.empty()) require_same_releases(result.plans[0], plan, candidate);
    result.options.push_back(std::move(options));
    result.plans.push_back(std::move(plan));
  }
  const privacy::PrivacyPlan& p = *result.plans[0].privacy;
  result.record.score = score_of(result.plans[0]);
  result.record.event = {p.sampling_rate(), {p.noise_multiplier()}};
  result.record.steps = p.steps();
  result.record.delta = p.delta();
  for (TrainingPlan& plan : result.plans) take_tuning(plan, result.record);
  result.epsilon = planned_epsilon(result.plans[0]);
  SOTTO_ASSERT(!result.target || result.epsilon <= *result.target);
  return result;
}

std::string describe(const TuningPlan& plan) {
  const TuningRecord& r = plan.record;
  const privacy::PrivacyPlan& p = *plan.plans[0].privacy;
  const bool grouped = plan.plans[0].data.text && plan.plans[0].data.text->texts_per_group > 0;
  const double mean = privacy::mean_runs(r.runs);
  std::string text = fmt::format("data              {}\n", name_of_data(plan.options[0]));
  text += fmt::format("candidates        {}:", r.candidates.size());
  for (std::size_t i = 0; i < plan.grid.axes.size(); ++i)
    text +=
        fmt::format("{} {} {}", i == 0 ? "" : " x", plan.grid.axes[i].first, fmt::join(plan.grid.axes[i].second, ", "));
  text += fmt::format("\nchosen by         {}, treated as public\n", r.score);
  text += fmt::format("number of runs    {:.4g} in the mean, at most {} with probability {}; it is told to nobody\n",
                      mean, most_runs(r.runs, kShownProbability), kShownProbability);
  text += fmt::format("drawn from        {}\n", privacy::to_text(r.runs));
  text += fmt::format("adjacency         {}: one {} more or less\n", privacy::to_string(p.adjacency()),
                      grouped ? "group" : "record");
  text += fmt::format("every run         {} steps, sampling rate {:.6g} = {} expected / {} declared, Poisson\n",
                      p.steps(), p.sampling_rate(), p.expected_batch_size(), p.dataset_size());
  text += fmt::format("noise multiplier  {}\n", format_rounded_up(p.noise_multiplier(), kShownDigits));
  text += fmt::format("work              {:.4g} steps in the mean\n", mean * static_cast<double>(p.steps()));
  text += fmt::format(
      "guarantee         epsilon {} at delta {} for the run that is returned and its choice (upper bound)\n",
      shown_epsilon_of(plan), p.delta());
  text += fmt::format("one run alone     epsilon {} with this noise", format_rounded_up(p.epsilon(), kShownDigits));
  if (plan.target)
    text += fmt::format("; noise multiplier {} for epsilon {}",
                        format_rounded_up(noise_of_one_run(p, *plan.target), kShownDigits), *plan.target);
  text += '\n';
  if (const auto* law = std::get_if<privacy::PoissonRuns>(&r.runs); law != nullptr && law->mean < 5)
    text += fmt::format("warning           with probability {:.2g} no run is made, and nothing is returned\n",
                        std::exp(-law->mean));
  return text;
}

nlohmann::ordered_json to_json(const TuningPlan& plan) {
  const privacy::PrivacyPlan& p = *plan.plans[0].privacy;
  return {{"epsilon", plan.epsilon},
          {"delta", p.delta()},
          {"noise_multiplier", p.noise_multiplier()},
          {"sampling_rate", p.sampling_rate()},
          {"steps_of_a_run", p.steps()},
          {"expected_runs", privacy::mean_runs(plan.record.runs)},
          {"most_runs", {{"runs", most_runs(plan.record.runs, kShownProbability)}, {"probability", kShownProbability}}},
          {"epsilon_of_one_run", p.epsilon()},
          {"score", plan.record.score},
          {"candidates", plan.record.candidates}};
}

TuningStart start_of(const TuningPlan& plan, const std::string& output) {
  TuningStart start{.record = plan.record, .configs = {}, .output = output};
  for (const TrainOptions& options : plan.options) start.configs.push_back(format_config(options, ""));
  return start;
}

}  // namespace sotto::tools

#include <fmt/format.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/flag_checks.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/privacy_options.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace sotto::tools {
namespace {

constexpr double kDefaultDelta = 1e-5;
constexpr double kMostClipRate = 1;

void check_rule_parameter(const TrainOptions& o, const char* flag, std::optional<double> value, const char* rule) {
  if (!value) return;
  check_above_zero(flag, *value);
  if (o.rule != rule)
    throw UsageError(fmt::format("[{}] has no effect: only --rule {} has this parameter", flag, rule));
}

void check_kind_of_noise(const TrainOptions& o) {
  check_choice("--noise", o.noise, {"normal", "discrete"});
  if (o.noise == "normal") return;
  const auto refuse = [](const char* why) { throw UsageError(fmt::format("[--noise] discrete {}", why)); };
  if (o.rule == "none") refuse("has no place with --rule none: without privacy there is no noise");
  if (o.device != "cpu") refuse("noise is drawn on the processor only: leave --device out");
  if (!o.memory.empty()) refuse("noise and --memory exclude each other: every record is run on its own");
}

void check_adaptive_clipping(const TrainOptions& o) {
  check_rule_parameter(o, "--clip-quantile", o.clip_quantile, "adaptive");
  check_rule_parameter(o, "--clip-rate", o.clip_rate, "adaptive");
  check_rule_parameter(o, "--count-noise", o.count_noise, "adaptive");
  if (o.clip_quantile && !(*o.clip_quantile < 1))
    throw UsageError(fmt::format("[--clip-quantile] bad value: {}; must be above 0 and below 1", *o.clip_quantile));
  if (o.clip_rate && !(*o.clip_rate >= kLeastClipRate && *o.clip_rate <= kMostClipRate))
    throw UsageError(
        fmt::format("[--clip-rate] bad value: {}; must be {} to {}", *o.clip_rate, kLeastClipRate, kMostClipRate));
  if (o.rule != "adaptive") return;
  const auto refuse = [](const char* why) { throw UsageError(fmt::format("[--rule] adaptive {}", why)); };
  if (o.noise != "normal") refuse("has normal noise only: leave --noise out");
  if (o.device != "cpu") refuse("counts records on the processor only: leave --device out");
}

void check_noise_correction(const TrainOptions& o) {
  if (!o.noise_correction) return;
  const auto refuse = [](const char* why) { throw UsageError(fmt::format("[--noise-correction] {}", why)); };
  if (o.rule == "adaptive") refuse("has no place with --rule adaptive, whose noise changes from step to step");
  if (o.optimizer == "sgd") refuse("has no effect: only adam and adamw have a mean of squares");
  if (o.rule == "none") refuse("has no effect: without privacy there is no noise");
  if (o.optimizer == "adam" && o.weight_decay > 0)
    refuse("and weight decay are for adamw: in adam the decay is a part of the gradient");
}

std::optional<privacy::PlannedEvaluations> planned_evaluations(const TrainOptions& o, int64_t dataset_size) {
  if (!o.private_metrics) return std::nullopt;
  const double noise = o.metric_noise.value_or(privacy::default_metric_noise(*o.private_metrics, dataset_size));
  return privacy::PlannedEvaluations{*o.private_metrics, noise};
}

}  // namespace

void check_rule_parameters(const TrainOptions& o) {
  check_rule_parameter(o, "--psac-r", o.psac_r, "psac");
  check_rule_parameter(o, "--auto-s-gamma", o.auto_s_gamma, "auto-s");
  check_rule_parameter(o, "--nsgd-r", o.nsgd_r, "nsgd");
}

void check_planned_noise(const TrainOptions& o) {
  check_kind_of_noise(o);
  check_adaptive_clipping(o);
  check_noise_correction(o);
}

void check_private_metrics(const TrainOptions& o, const DeclaredData& data, int64_t steps) {
  const auto refuse = [](const char* flag, const std::string& why) {
    throw UsageError(fmt::format("[{}] {}", flag, why));
  };
  if (!o.private_metrics) {
    if (o.metric_noise) refuse("--metric-noise", "has no effect without --private-metrics");
    if (o.stop_early)
      refuse("--stop-early", "missing: --private-metrics N; a run may end by noisy metrics alone, which are paid for");
    return;
  }
  if (o.rule == "none")
    refuse("--private-metrics", "has no place with --rule none: without privacy there is no budget to pay for them");
  if (o.noise != "normal")
    refuse("--private-metrics", "has no place with --noise discrete: metrics are released with normal noise");
  if (data.classes < 2 || (data.text && data.text->labels().is_range()))
    refuse("--private-metrics", "is for classes: a regression has no accuracy and no bounded loss");
  check_range("--private-metrics", *o.private_metrics, 1, steps);
  if (o.metric_noise) check_above_zero("--metric-noise", *o.metric_noise);
  // The first evaluation is the reference, and after the last one the run is over.
  if (o.stop_early && *o.private_metrics < 3)
    refuse("--stop-early",
           fmt::format("has no effect with {} private evaluations; needs at least 3 of them", *o.private_metrics));
  if (o.stop_early) check_range("--stop-early", *o.stop_early, 1, *o.private_metrics - 2);
}

double largest_loss(const DeclaredData& data) {
  return 2 * std::log(static_cast<double>(std::max<int64_t>(2, data.classes)));
}

double delta_or_default(std::optional<double> delta, int64_t dataset_size) {
  if (delta) return *delta;
  if (!(kDefaultDelta < 1.0 / static_cast<double>(dataset_size)))
    throw UsageError(
        fmt::format("[--delta] missing: the default {} is not below 1 / dataset size = 1 / {}; choose "
                    "one that is",
                    kDefaultDelta, dataset_size));
  return kDefaultDelta;
}

privacy::PrivacyPlan privacy_plan(const TrainOptions& o, int64_t dataset_size, int64_t steps) {
  if (o.epsilon.has_value() == o.noise_multiplier.has_value())
    throw UsageError(o.epsilon ? "[train] --epsilon and --noise-multiplier exclude each other"
                               : "[train] no budget: give --epsilon, or --noise-multiplier, or --rule none for a run "
                                 "that is NOT PRIVATE");
  return privacy::PrivacyPlan({.adjacency = privacy::Adjacency::add_remove,
                               .dataset_size = dataset_size,
                               .expected_batch_size = o.batch,
                               .steps = steps,
                               .delta = delta_or_default(o.delta, dataset_size),
                               .epsilon = o.epsilon,
                               .noise_multiplier = o.noise_multiplier,
                               .noise = privacy::parse_noise(o.noise),
                               .evaluations = planned_evaluations(o, dataset_size)});
}

double checked_count_noise(const TrainOptions& o, double noise_multiplier) {
  if (o.rule != "adaptive") return 0;
  const double noise = o.count_noise.value_or(privacy::default_count_noise(noise_multiplier, o.batch));
  const double least = privacy::kLeastCountNoise * noise_multiplier / 2;
  if (noise < least)
    throw UsageError(fmt::format(
        "[--count-noise] bad value: {}; must be at least {:.4g} beside a noise multiplier of {:.4g}, or the "
        "count alone would spend what gradient and count may together",
        noise, least, noise_multiplier));
  privacy::gradient_noise_beside_count(noise_multiplier, noise);
  return noise;
}

}  // namespace sotto::tools

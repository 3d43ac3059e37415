#include <fmt/format.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/cost_figures.h>
#include <sotto/tools/device_choice.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/training_plan.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sotto::tools {
namespace {

constexpr int64_t kDefaultEpochs = 40;
constexpr double kDefaultDelta = 1e-5;
constexpr int64_t kMaxPhysicalBatch = 1 << 20;
constexpr int64_t kPhysicalBatch = 512;
constexpr int64_t kLargePassPhysicalBatch = 64;  // of networks that hold much for each record
constexpr int64_t kMaxThreads = 1024;
constexpr double kLeastClipRate = 1e-6, kMostClipRate = 1;
constexpr int64_t kMaxLoraRank = 1 << 16, kMaxLayers = 1 << 16;

void check_choice(const char* flag, const std::string& value, std::initializer_list<const char*> allowed) {
  std::string list;
  for (const char* choice : allowed) {
    if (value == choice) return;
    list += (list.empty() ? "" : ", ") + std::string(choice);
  }
  throw UsageError(fmt::format("[{}] unknown value: '{}'; allowed are {}", flag, value, list));
}

void check_positive(const char* flag, double value) {
  if (!(std::isfinite(value) && value > 0))
    throw UsageError(fmt::format("[{}] bad value: {}; must be finite and above 0", flag, value));
}

void check_rule_parameter(const TrainOptions& o, const char* flag, std::optional<double> value, const char* rule) {
  if (!value) return;
  check_positive(flag, *value);
  if (o.rule != rule)
    throw UsageError(fmt::format("[{}] has no effect: only --rule {} has this parameter", flag, rule));
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

// The noise of the count that was chosen, or the default; both beside the noise multiplier of the plan.
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

void check_sha256(const TrainOptions& o) {
  if (!o.model_sha256.empty() && !privacy::is_sha256_hex(o.model_sha256))
    throw UsageError(fmt::format("[--model-sha256] bad value: '{}'; must be 64 hexadecimal digits", o.model_sha256));
}

void check_lr(const char* flag, const std::optional<double>& lr) {
  if (!lr) return;
  check_positive(flag, *lr);
  if (*lr > std::numeric_limits<float>::max())
    throw UsageError(fmt::format("[{}] bad value: {}; must fit a float", flag, *lr));
}

void no_place(const char* flag, bool given, const char* with) {
  if (given) throw UsageError(fmt::format("[{}] has no place with {}", flag, with));
}

void check_lora(const TrainOptions& o) {
  if (o.adapt != "lora") {
    constexpr const char* kNeedsLora = "anything but --adapt lora";
    no_place("--lora-rank", o.lora_rank.has_value(), kNeedsLora);
    no_place("--lora-alpha", o.lora_alpha.has_value(), kNeedsLora);
    no_place("--lora-targets", !o.lora_targets.empty(), kNeedsLora);
  }
  if (o.lora_rank) check_range("--lora-rank", *o.lora_rank, 1, kMaxLoraRank);
  if (o.lora_alpha) check_positive("--lora-alpha", *o.lora_alpha);
}

void check_text_model(const TrainOptions& o) {
  require_text_model(o.model);
  check_sha256(o);
  const bool scratch = is_text_network(o.model);
  no_place("--adapt", scratch && !o.adapt.empty(), "a network from scratch, which is trained whole");
  no_place("--pooling", scratch && !o.pooling.empty(), "a network from scratch, which takes the mean");
  no_place("--model-sha256", scratch && !o.model_sha256.empty(), "a network from scratch");
  no_place("--public-base", scratch && o.public_base, "a network from scratch");
  if (!o.adapt.empty()) check_choice("--adapt", o.adapt, {"full", "lora", "bitfit", "head"});
  if (!o.pooling.empty()) check_choice("--pooling", o.pooling, {"mean", "first", "layers"});
  if (o.centre) {
    no_place("--centre", o.pooling != "layers", "anything but --pooling layers, whose vectors all have one norm");
    no_place("--centre", o.per_group, "--per-group: a record's vector is one group");
  }
  const bool head = scratch || o.adapt.empty() || o.adapt == "head";
  constexpr const char* kNeedsEncoder = "anything but --adapt full, lora or bitfit";
  no_place("--adapt-layers", head && o.adapt_layers.has_value(), kNeedsEncoder);
  no_place("--encoder-lr", head && o.encoder_lr.has_value(), kNeedsEncoder);
  if (o.adapt_layers) check_range("--adapt-layers", *o.adapt_layers, 1, kMaxLayers);
  check_lora(o);
}

void check_model(const TrainOptions& o, const DeclaredData& data) {
  if (data.text) return check_text_model(o);
  check_adaptation(o);
  const bool published = o.model == kMobileNet;
  if (names_model_file(o.model) || published) {
    check_sha256(o);
  } else if (!o.model_sha256.empty()) {
    throw UsageError("[--model-sha256] has no effect: --model names no file");
  }
  const bool file = names_model_file(o.model);
  no_place("--public-base", !file && o.public_base, "a model whose weights come with no certificate");
  if (file) return;
  if (data.input_type.tokens) throw UsageError("[--input-type] tokens are for a model of your own (--model FILE)");
  if (data.kind == DeclaredData::Kind::table && o.model != kRowsModel)
    throw UsageError(
        fmt::format("[--model] {} takes pictures; a table goes into {} or a TorchScript file", o.model, kRowsModel));
}

double default_lr(const TrainOptions& o, const std::string& adapt) {
  if (o.optimizer != "sgd") return adapt.empty() || adapt == "full" ? kAdamLr : kFewParametersAdamLr;
  return o.rule == "none" ? kPlainSgdLr : kSgdLr;
}

int64_t planned_steps(const TrainOptions& o, int64_t dataset_size) {
  if (o.epochs && o.steps) throw UsageError("[train] --epochs and --steps exclude each other");
  if (o.steps) {
    check_range("--steps", *o.steps, 1, privacy::kMaxCount);
    return *o.steps;
  }
  return steps_of_epochs(o.epochs.value_or(kDefaultEpochs), dataset_size, o.batch);
}

void check_private_metrics(const TrainOptions& o, const TrainingPlan& plan) {
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
  if (plan.data.classes < 2 || (plan.data.text && plan.data.text->labels().is_range()))
    refuse("--private-metrics", "is for classes: a regression has no accuracy and no bounded loss");
  check_range("--private-metrics", *o.private_metrics, 1, plan.steps);
  if (o.metric_noise) check_positive("--metric-noise", *o.metric_noise);
  if (o.stop_early) check_range("--stop-early", *o.stop_early, 1, *o.private_metrics);
}

std::optional<privacy::PlannedEvaluations> planned_evaluations(const TrainOptions& o, const TrainingPlan& plan) {
  if (!o.private_metrics) return std::nullopt;
  const double noise = o.metric_noise.value_or(privacy::default_metric_noise(*o.private_metrics, plan.data.size));
  return privacy::PlannedEvaluations{*o.private_metrics, noise};
}

privacy::PrivacyPlan privacy_plan(const TrainOptions& o, const TrainingPlan& plan) {
  if (o.epsilon.has_value() == o.noise_multiplier.has_value())
    throw UsageError(o.epsilon ? "[train] --epsilon and --noise-multiplier exclude each other"
                               : "[train] no budget: give --epsilon, or --noise-multiplier, or --rule none for a run "
                                 "that is NOT PRIVATE");
  return privacy::PrivacyPlan({.adjacency = privacy::Adjacency::add_remove,
                               .dataset_size = plan.data.size,
                               .expected_batch_size = o.batch,
                               .steps = plan.steps,
                               .delta = delta_or_default(o.delta, plan.data.size),
                               .epsilon = o.epsilon,
                               .noise_multiplier = o.noise_multiplier,
                               .noise = privacy::parse_noise(o.noise),
                               .evaluations = planned_evaluations(o, plan)});
}

std::string evaluations_text(const TrainOptions& o, const privacy::PrivacyPlan& p, const DeclaredData& data) {
  const privacy::PlannedEvaluations& e = *p.evaluations();
  std::string text = fmt::format(
      "private metrics   {} evaluations, noise multiplier {:.6g}: deviation {:.3g} of an accuracy; loss up to {:.4g}\n",
      e.count, e.noise_multiplier, privacy::metric_deviation(e.noise_multiplier, p.dataset_size()), largest_loss(data));
  if (o.stop_early)
    text += fmt::format("early stop        after {} of these in a row that are not better by more than their noise\n",
                        *o.stop_early);
  return text;
}

std::string rule_text(const TrainOptions& o) {
  if (o.rule == "psac") return fmt::format("psac, r {}", o.psac_r.value_or(kDefaultPsacR));
  if (o.rule == "auto-s") return fmt::format("auto-s, gamma {}", o.auto_s_gamma.value_or(kDefaultAutoSGamma));
  if (o.rule == "nsgd") return fmt::format("nsgd, r {}", o.nsgd_r.value_or(kDefaultNsgdR));
  if (o.rule == "adaptive")
    return fmt::format("adaptive, quantile {}, rate {}", o.clip_quantile.value_or(kDefaultClipQuantile),
                       o.clip_rate.value_or(kDefaultClipRate));
  return o.per_group ? "flat, each layer on its own" : o.rule;
}

std::string model_text(const TrainOptions& o, const TrainingPlan& plan) {
  if (!plan.adapt.empty()) return fmt::format("{}, adapted by {}", o.model, plan.adapt);
  return plan.data.text ? o.model + " from scratch" : o.model;
}

std::string optimizer_text(const TrainOptions& o, const TrainingPlan& plan) {
  const char* const name = o.optimizer == "sgd" ? "SGD" : o.optimizer == "adam" ? "Adam" : "AdamW";
  std::string text = fmt::format("{} with lr {}", name, plan.lr);
  if (o.encoder_lr) text += fmt::format(" and, in the encoder, {}", *o.encoder_lr);
  if (o.noise_correction) text += ", corrected for the noise";
  if (o.warmup > 0) text += fmt::format(", rising over {} steps", o.warmup);
  if (o.lr_schedule != "constant")
    text += fmt::format(", falling {} to 0", o.lr_schedule == "linear" ? "linearly" : "as a cosine");
  if (o.optimizer == "sgd") text += fmt::format(", momentum {}", o.momentum);
  if (o.weight_decay > 0) text += fmt::format(", weight decay {}", o.weight_decay);
  return text;
}

}  // namespace

double largest_loss(const DeclaredData& data) {
  return 2 * std::log(static_cast<double>(std::max<int64_t>(2, data.classes)));
}

int64_t steps_of_epochs(int64_t epochs, int64_t dataset_size, int64_t batch) {
  check_range("--epochs", epochs, 1, std::numeric_limits<int64_t>::max() / privacy::kMaxCount);
  return (epochs * dataset_size + batch - 1) / batch;
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

void check_adaptation(const TrainOptions& o) {
  require_model(o.model);
  const bool published = o.model == kMobileNet, file = names_model_file(o.model);
  if (!o.adapt.empty() && !published && !file)
    throw UsageError(fmt::format("[--adapt] has no place with --model {}, which is trained as it is", o.model));
  if (!o.adapt.empty() && published) check_choice("--adapt", o.adapt, {"head", "bias"});
  if (!o.adapt.empty() && file) check_choice("--adapt", o.adapt, {"lora"});
  check_lora(o);
  if (!o.adapt.empty() && file && o.lora_targets.empty())
    throw UsageError(
        "[--lora-targets] missing: which linear layers of the file are adapted, such as '*query,*value'; sotto explain "
        "tells their names");
}

TrainingPlan make_training_plan(const TrainOptions& o) {
  TrainingPlan plan;
  plan.data = declared_data(o);
  check_choice("--rule", o.rule, {"psac", "flat", "auto-s", "nsgd", "adaptive", "none"});
  check_model(o, plan.data);
  const bool published = plan.data.text ? !plan.data.text->from_scratch : o.model == kMobileNet;
  plan.adapt = published && o.adapt.empty() ? kDefaultAdaptation : o.adapt;
  plan.physical_batch =
      o.physical_batch.value_or(plan.data.text || plan.adapt == "bias" ? kLargePassPhysicalBatch : kPhysicalBatch);
  check_choice("--fallback", o.fallback, {"none", "per-record"});
  check_rule_parameter(o, "--psac-r", o.psac_r, "psac");
  check_rule_parameter(o, "--auto-s-gamma", o.auto_s_gamma, "auto-s");
  check_rule_parameter(o, "--nsgd-r", o.nsgd_r, "nsgd");
  check_choice("--optimizer", o.optimizer, {"sgd", "adam", "adamw"});
  check_choice("--lr-schedule", o.lr_schedule, {"constant", "linear", "cosine"});
  if (!(std::isfinite(o.weight_decay) && o.weight_decay >= 0))
    throw UsageError(fmt::format("[--weight-decay] bad value: {}; must be finite and at least 0", o.weight_decay));
  check_choice("--matmul", o.matmul, {"stock", "fast"});
  check_device(o.device);
  check_kind_of_noise(o);
  check_adaptive_clipping(o);
  check_noise_correction(o);
  check_positive("--clip-norm", o.clip_norm);
  check_lr("--lr", o.lr);
  check_lr("--encoder-lr", o.encoder_lr);
  if (!(o.momentum >= 0 && o.momentum < 1))
    throw UsageError(fmt::format("[--momentum] bad value: {}; allowed is 0 <= momentum < 1", o.momentum));
  check_range("--physical-batch", plan.physical_batch, 1, kMaxPhysicalBatch);
  check_range("--threads", o.threads, 0, kMaxThreads);
  if (!o.memory.empty()) plan.memory_bytes = parse_bytes("--memory", o.memory);
  if (!o.memory.empty() && plan.memory_bytes == 0)
    throw UsageError(fmt::format("[--memory] bad value: '{}'; must be above 0", o.memory));
  if (!o.memory.empty() && o.rule == "none")
    throw UsageError("[--memory] has no effect: only private steps have a budget of memory");
  plan.kernel_costs = !o.kernel_costs.empty() ? o.kernel_costs : o.insecure_test_seed ? kBuiltInCosts : kMeasuredCosts;
  parse_cost_figures("--kernel-costs", plan.kernel_costs);
  if (o.insecure_test_seed) check_range("--insecure-test-seed", *o.insecure_test_seed, 0, privacy::kMaxCount);
  if (o.per_group && o.rule != "flat") throw UsageError("[--per-group] only --rule flat clips per group");

  const bool plain = o.rule == "none";
  const int64_t usual = default_options(plan.data.text ? TrainKey::Use::texts : TrainKey::Use::pictures).batch;
  if (o.batch == usual && o.batch > plan.data.size)
    throw UsageError(
        fmt::format("[--batch] missing: the default {} is above the dataset size {}; choose one that is not", o.batch,
                    plan.data.size));
  check_range("--batch", o.batch, 1, plan.data.size);
  plan.steps = planned_steps(o, plan.data.size);
  if (o.centre && !plain && plan.steps < 2)
    throw UsageError(
        "[--centre] has no place with a single planned step: the first one finds the mean, and trains nothing");
  check_range("--warmup", o.warmup, 0, plan.steps - 1);
  plan.lr = o.lr.value_or(default_lr(o, plan.adapt));
  check_private_metrics(o, plan);
  if (plain) {
    if (o.epsilon || o.noise_multiplier || o.delta)
      throw UsageError(
          fmt::format("[--rule none] is plain training and NOT PRIVATE: it has no {}; remove one of the two",
                      o.epsilon ? "--epsilon"
                      : o.delta ? "--delta"
                                : "--noise-multiplier"));
    plan.not_private = "trained without clipping and without noise";
    return plan;
  }
  plan.privacy = privacy_plan(o, plan);
  plan.count_noise = checked_count_noise(o, plan.privacy->noise_multiplier());
  if (o.insecure_test_seed) plan.not_private = "noise and sampling came from a test seed and can be repeated by anyone";
  return plan;
}

void take_tuning(TrainingPlan& plan, const TuningRecord& record) {
  const auto& p = plan.privacy;
  if (!p || !is_of(record, p->step_event(), p->steps(), p->delta()))
    throw DataError(
        "[tuning.json] the run has another sampling rate, noise, number of steps or delta than the tuning planned");
  if (plan.privacy->evaluations())
    throw UsageError(
        "[--private-metrics] has no place in a tuning: its score is that of public test records, and its cost knows "
        "of no evaluations on private ones");
  plan.tuning = record;
}

double planned_epsilon(const TrainingPlan& plan) {
  const privacy::PrivacyPlan& p = *plan.privacy;
  if (!plan.tuning) return p.epsilon();
  return tuned_epsilon(*plan.tuning, p.adjacency(), {privacy::Phase{p.step_event(), p.steps()}});
}

double spent_epsilon(const TrainingPlan& plan, const privacy::Phases& charged) {
  const privacy::PrivacyPlan& p = *plan.privacy;
  if (!plan.tuning) return p.epsilon_of(charged);
  // More steps lose no less; their bounds need not say so.
  return std::min(tuned_epsilon(*plan.tuning, p.adjacency(), charged), planned_epsilon(plan));
}

std::string describe(const TrainOptions& o, const TrainingPlan& plan) {
  std::string text;
  if (!plan.not_private.empty()) text += fmt::format("NOT PRIVATE: {}\n", plan.not_private);
  text += fmt::format("data              {}\n", name_of_data(o));
  text += fmt::format("scaling           {}\n", input_scaling(plan.data));
  text += fmt::format("model             {}, {}\n", model_text(o, plan), optimizer_text(o, plan));
  if (plan.privacy) {
    const privacy::PrivacyPlan& p = *plan.privacy;
    const bool grouped = plan.data.text && plan.data.text->texts_per_group > 0;
    text += fmt::format("adjacency         {}: one {} more or less\n", privacy::to_string(p.adjacency()),
                        grouped ? "group" : "record");
    text += fmt::format("unit of privacy   {}\n", plan.data.text ? unit_of_privacy(*plan.data.text) : "one record");
    text += fmt::format("sampling rate     {:.6g} = {} expected / {} declared, Poisson\n", p.sampling_rate(),
                        p.expected_batch_size(), p.dataset_size());
    text += fmt::format("steps             {}{}\n", p.steps(),
                        o.steps ? ""
                                : fmt::format(" = ceil({} epochs x {} / {})", o.epochs.value_or(kDefaultEpochs),
                                              p.dataset_size(), p.expected_batch_size()));
    text += fmt::format("weight rule       {}; {}clip norm {}\n", rule_text(o), o.rule == "adaptive" ? "first " : "",
                        o.clip_norm);
    text += fmt::format("noise multiplier  {}{}\n", format_rounded_up(p.noise_multiplier(), kShownDigits),
                        p.noise() == privacy::Noise::discrete ? ", discrete: every record on its own" : "");
    if (o.rule == "adaptive")
      text += fmt::format(
          "noises            {:.6g} times the clip norm on the sum of gradients, {:.6g} on the count of those below "
          "it; "
          "together the noise multiplier\n",
          privacy::gradient_noise_beside_count(p.noise_multiplier(), plan.count_noise), plan.count_noise);
    if (p.evaluations()) text += evaluations_text(o, p, plan.data);
    text += plan.not_private.empty()
                ? fmt::format("guarantee         epsilon {} at delta {} for all {} steps{} (certified upper bound)\n",
                              shown_epsilon(o, planned_epsilon(plan)), p.delta(), p.steps(),
                              plan.tuning       ? " of the run that the tuning returns"
                              : p.evaluations() ? " and the private metrics"
                                                : "")
                : "guarantee         none\n";
    if (p.evaluations() && plan.not_private.empty())
      text += fmt::format("                  of it {} for the steps alone\n", shown_epsilon(o, p.epsilon_of_steps()));
    for (const std::string& warning : p.warnings()) text += fmt::format("warning           {}\n", warning);
  } else {
    text += fmt::format("steps             {} of {} shuffled records\n", plan.steps, o.batch);
    text += "guarantee         none\n";
  }
  return text;
}

TrainOptions resolved(TrainOptions options, const TrainingPlan& plan) {
  options.steps = plan.steps;
  options.epochs.reset();
  options.lr = plan.lr;
  options.adapt = plan.adapt;
  options.physical_batch = plan.physical_batch;
  if (options.rule == "psac") options.psac_r = options.psac_r.value_or(kDefaultPsacR);
  if (options.rule == "auto-s") options.auto_s_gamma = options.auto_s_gamma.value_or(kDefaultAutoSGamma);
  if (options.rule == "nsgd") options.nsgd_r = options.nsgd_r.value_or(kDefaultNsgdR);
  if (options.rule == "adaptive") {
    options.clip_quantile = options.clip_quantile.value_or(kDefaultClipQuantile);
    options.clip_rate = options.clip_rate.value_or(kDefaultClipRate);
    options.count_noise = plan.count_noise;
  }
  if (plan.data.text) {
    options.max_tokens = plan.data.text->max_tokens;
    if (!plan.data.text->from_scratch && options.pooling.empty()) options.pooling = kDefaultPooling;
  }
  if (plan.data.kind == DeclaredData::Kind::idx) options.classes = plan.data.classes;
  options.table_schema_sha256 = plan.data.schema_sha256;
  if (plan.privacy) options.delta = plan.privacy->delta();
  if (plan.privacy && plan.privacy->evaluations()) options.metric_noise = plan.privacy->evaluations()->noise_multiplier;
  return options;
}

std::string shown_epsilon(const TrainOptions& options, double epsilon) {
  return format_bound(epsilon, options.epsilon);
}

}  // namespace sotto::tools

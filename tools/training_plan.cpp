#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/cost_figures.h>
#include <sotto/tools/device_choice.h>
#include <sotto/tools/flag_checks.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/privacy_options.h>
#include <sotto/tools/training_plan.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sotto::tools {
namespace {

constexpr int64_t kMaxPhysicalBatch = 1 << 20;
constexpr int64_t kPhysicalBatch = 512;
constexpr int64_t kLargePassPhysicalBatch = 64;  // of networks that hold much for each record
constexpr int64_t kMaxThreads = 1024;
constexpr int64_t kMaxLoraRank = 1 << 16, kMaxLayers = 1 << 16;

void check_sha256(const TrainOptions& o) {
  if (!o.model_sha256.empty() && !privacy::is_sha256_hex(o.model_sha256))
    throw UsageError(fmt::format("[--model-sha256] bad value: '{}'; must be 64 hexadecimal digits", o.model_sha256));
}

void check_lr(const char* flag, const std::optional<double>& lr) {
  if (!lr) return;
  check_above_zero(flag, *lr);
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
  if (o.lora_alpha) check_above_zero("--lora-alpha", *o.lora_alpha);
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

}  // namespace

int64_t steps_of_epochs(int64_t epochs, int64_t dataset_size, int64_t batch) {
  check_range("--epochs", epochs, 1, std::numeric_limits<int64_t>::max() / privacy::kMaxCount);
  return (epochs * dataset_size + batch - 1) / batch;
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
  check_rule_parameters(o);
  check_choice("--optimizer", o.optimizer, {"sgd", "adam", "adamw"});
  check_choice("--lr-schedule", o.lr_schedule, {"constant", "linear", "cosine"});
  if (!(std::isfinite(o.weight_decay) && o.weight_decay >= 0))
    throw UsageError(fmt::format("[--weight-decay] bad value: {}; must be finite and at least 0", o.weight_decay));
  check_choice("--matmul", o.matmul, {"stock", "fast"});
  check_device(o.device);
  check_planned_noise(o);
  check_above_zero("--clip-norm", o.clip_norm);
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
  check_private_metrics(o, plan.data, plan.steps);
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
  plan.privacy = privacy_plan(o, plan.data.size, plan.steps);
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

}  // namespace sotto::tools

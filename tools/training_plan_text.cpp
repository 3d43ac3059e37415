#include <fmt/format.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/tools/declared_data.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/privacy_options.h>
#include <sotto/tools/training_plan_text.h>

namespace sotto::tools {
namespace {

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
          "noises            {:.6g} clip norms on the sum of gradients, {:.6g} records on the count of those below "
          "it, which moves it; together they cost what the noise multiplier says\n",
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

std::string shown_epsilon(const TrainOptions& options, double epsilon) {
  return format_bound(epsilon, options.epsilon);
}

}  // namespace sotto::tools

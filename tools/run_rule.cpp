#include <sotto/tools/run_rule.h>

#include <cmath>
#include <vector>

namespace sotto::tools {

// train_options.h, which needs no training, tells people of these.
static_assert(kDefaultClipQuantile == optim::kDefaultClipQuantile && kDefaultClipRate == optim::kDefaultClipRate &&
              kLeastClipRate == optim::kLeastClipRate);

optim::WeightRule weight_rule(const TrainOptions& o, const TrainingPlan& plan, std::size_t groups) {
  if (o.rule == "psac") return optim::WeightRule::psac(o.clip_norm, o.psac_r.value_or(kDefaultPsacR));
  if (o.rule == "auto-s") return optim::WeightRule::auto_s(o.clip_norm, o.auto_s_gamma.value_or(kDefaultAutoSGamma));
  if (o.rule == "nsgd") return optim::WeightRule::nsgd(o.clip_norm, o.nsgd_r.value_or(kDefaultNsgdR));
  if (o.rule == "adaptive")
    return optim::WeightRule::adaptive(o.clip_norm, {.quantile = o.clip_quantile.value_or(kDefaultClipQuantile),
                                                     .rate = o.clip_rate.value_or(kDefaultClipRate),
                                                     .count_noise = plan.count_noise});
  if (!o.per_group) return optim::WeightRule::flat(o.clip_norm);
  return optim::WeightRule::flat_per_group(
      std::vector<double>(groups, o.clip_norm / std::sqrt(static_cast<double>(groups))));
}

}  // namespace sotto::tools

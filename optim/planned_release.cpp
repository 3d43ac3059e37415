#include <fmt/format.h>
#include <sotto/kernels/gaussian_noise.h>
#include <sotto/optim/gaussian_mechanism.h>
#include <sotto/optim/planned_release.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>

#include <algorithm>
#include <cmath>

namespace sotto::optim {
namespace {

// The Gaussian transform cannot reach the outermost tail; over all draws of a run that must not matter beside delta.
constexpr double kLargestTailShareOfDelta = 1e-3;

void check_missing_tail(const std::vector<NamedParameter>& parameters, const privacy::PrivacyPlan& plan, bool counts) {
  double draws = counts ? 1.0 : 0.0;
  for (const NamedParameter& parameter : parameters) draws += static_cast<double>(parameter.tensor.numel());
  // Replacing both of two neighbouring distributions by ones that miss a mass m adds m (1 + e^epsilon) to delta.
  const double of_evaluations = plan.evaluations() ? 2 * static_cast<double>(plan.evaluations()->count) : 0;
  const double mass = kernels::missing_tail_mass() * (draws * static_cast<double>(plan.steps()) + of_evaluations);
  const double missing = mass * (1.0 + std::exp(plan.epsilon()));
  const double allowed = kLargestTailShareOfDelta * plan.delta();
  if (missing > allowed) {
    const double largest = std::log(std::max(1.0, allowed / mass - 1.0));
    throw UsageError(fmt::format(
        "[PrivateTraining] epsilon {:.6g} is more than is given: the noise generator misses a tail that adds "
        "{:.3g} to delta over the whole run, which must stay below {:.3g}. For this model, delta and number "
        "of steps epsilon must be at most {:.1f}",
        plan.epsilon(), missing, allowed, std::floor(10.0 * largest) / 10.0));
  }
}

}  // namespace

void check_planned_release(const std::vector<NamedParameter>& parameters, const privacy::PrivacyPlan& plan,
                           const WeightRule& rule) {
  double noise = plan.noise_multiplier(), least = rule.sensitivity(), most = rule.sensitivity();
  if (const auto& clipping = rule.adaptive_clipping()) {
    if (plan.noise() == privacy::Noise::discrete)
      throw UsageError(
          "[PrivateTraining] rule adaptive: available with normal noise only; plan for that, or take another rule");
    noise = privacy::gradient_noise_beside_count(noise, clipping->count_noise);
    least *= rule.clip_norm() / kClipNormRange;
    most *= rule.clip_norm() * kClipNormRange;
  }
  for (const double norm : {least, most}) check_releasable(noise, norm, plan.steps() - 1);
  if (plan.evaluations()) check_releasable(plan.evaluations()->noise_multiplier, 1, plan.evaluations()->count);
  if (plan.noise() == privacy::Noise::normal)  // the other one misses nothing
    check_missing_tail(parameters, plan, rule.adaptive_clipping().has_value());
}

void check_clip_norm(const WeightRule& rule, bool resume, const std::optional<double>& given,
                     const std::filesystem::path& ledger) {
  if (!rule.adaptive_clipping()) {
    if (given) throw UsageError("[PrivateTraining] clip_norm: given; only a rule that is adaptive goes on with one");
    return;
  }
  if (!resume) {
    if (given)
      throw UsageError("[PrivateTraining] clip_norm: given without resume; a run begins with that of its rule");
    return;
  }
  if (!given) {
    if (privacy::read_ledger(ledger).steps_charged() == 0) return;
    throw UsageError(
        "[PrivateTraining] clip_norm: not set; a run with the rule adaptive is resumed with the clip norm that it had "
        "reached at its checkpoint");
  }
  const double first = rule.clip_norm();
  if (!(*given >= first / kClipNormRange && *given <= first * kClipNormRange))
    throw UsageError(fmt::format("[PrivateTraining] bad clip_norm: {}; allowed is {} to {}, what the rule can reach",
                                 *given, first / kClipNormRange, first * kClipNormRange));
}

}  // namespace sotto::optim

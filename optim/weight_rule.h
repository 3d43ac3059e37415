#pragma once
// Weight rules: the factor w(n) by which a record's gradient g of norm n is scaled before it is summed, and the bound S
// on the norm of what comes out, ||w(n) g|| <= S. The mechanism's noise uses S, never a parameter of the rule.
//
//   rule      w(n)                    ||w(n) g||                     S    source
//   flat      min(1, C/n)             min(n, C)                      C    Abadi et al., CCS 2016
//   psac      C/(n + r/(n + r))       C (1 - r/(n^2 + r n + r)) < C  C    Xia et al., AAAI 2023 (arXiv:2212.00328)
//   auto-s    C/(n + gamma)           < C                            C    Bu et al., NeurIPS 2023 (arXiv:2206.07136)
//   nsgd      C/(r + n)               < C                            C    Yang et al., arXiv:2206.13033
//   per-group flat, each parameter group g with its own C_g          sqrt(sum_g C_g^2)
//   adaptive  min(1, C_t/n), C_t from noised counts                  1    Andrew et al., arXiv:1905.03871
//
// C is the clip norm (same unit as the gradient), finite and > 0; r and gamma are finite and > 0. S is the sensitivity
// of the sum to adding or removing one record; replacing a record doubles it. That of adaptive is in units of C_t, the
// clip norm of the step, which what steps release moves (adaptive_clip_norm.h); noise is scaled by S C_t.
//
// Rounding: the weights are computed from an upper bound of the norm and then reduced so that w(n) n <= S holds in
// exact arithmetic for the float that is returned. A non-finite norm has weight 0: such a record contributes nothing.

#include <sotto/kernels/record_weights.h>
#include <sotto/optim/adaptive_clip_norm.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sotto::optim {

class WeightRule {
 public:
  enum class Kind { flat, psac, auto_s, nsgd, adaptive };

  // Each throws UsageError when a parameter is not finite or not > 0.
  static WeightRule flat(double clip_norm);
  static WeightRule psac(double clip_norm, double r = 0.1);
  static WeightRule auto_s(double clip_norm, double gamma = 0.01);
  static WeightRule nsgd(double clip_norm, double r = 0.01);
  // Flat clipping of every parameter group on its own; one clip norm per group, in the order of the groups.
  static WeightRule flat_per_group(std::vector<double> clip_norms);
  // Flat clipping by a norm that begins at `first_clip_norm` and follows a quantile of the gradients' norms.
  static WeightRule adaptive(double first_clip_norm, const AdaptiveClipping& clipping);

  Kind kind() const { return kind_; }
  std::string name() const;  // "flat", "psac", "auto-s", "nsgd", "flat-per-group", "adaptive"
  // The parameters by name, for configuration files and certificates; per-group clip norms are "clip_norm.0", ...,
  // and "clip_norm" of adaptive is the first one.
  std::vector<std::pair<std::string, double>> parameters() const;

  bool per_group() const { return clip_norms_.size() > 1; }
  int64_t group_count() const { return static_cast<int64_t>(clip_norms_.size()); }

  // Of adaptive; nothing of any other rule.
  const std::optional<AdaptiveClipping>& adaptive_clipping() const { return adaptive_; }
  // C, that of the first group, and of adaptive C_0.
  double clip_norm() const { return clip_norms_[0]; }
  // Of adaptive, the flat rule of a step with this clip norm; any other rule is the same in every step.
  WeightRule at(double clip_norm) const;

  // S: the bound on the norm of one record's weighted gradient over all parameters together.
  double sensitivity() const;

  // S as a norm of gradients: of adaptive that of the first step, C_0.
  double first_bound() const { return adaptive_ ? clip_norm() : sensitivity(); }

  // The rule of each group, for kernels::record_weights; of adaptive those of at(C_0).
  std::vector<kernels::WeightFormula> formulas() const;

  // w for one record and one group (0 unless per_group()); `norm` must not be smaller than the true norm.
  // Returns 0 for a norm that is NaN, infinite or negative.
  float weight(double norm, int64_t group = 0) const;

 private:
  WeightRule(Kind kind, std::vector<double> clip_norms, double parameter);

  Kind kind_;
  std::vector<double> clip_norms_;
  double parameter_;  // r of psac and nsgd, gamma of auto-s, unused by flat
  std::optional<AdaptiveClipping> adaptive_;
};

}  // namespace sotto::optim

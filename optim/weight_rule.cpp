#include <fmt/format.h>
#include <sotto/kernels/record_weights.h>
#include <sotto/optim/weight_rule.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <limits>

namespace sotto::optim {
namespace {

void require_positive(const char* function, const char* name, double value) {
  if (!std::isfinite(value) || value <= 0.0) {
    throw UsageError(fmt::format("[WeightRule::{}] {}: {}; must be finite and > 0", function, name, value));
  }
}

kernels::WeightFormula::Kind formula(WeightRule::Kind kind) {
  switch (kind) {
    case WeightRule::Kind::flat:
    case WeightRule::Kind::adaptive:
      return kernels::WeightFormula::Kind::flat;
    case WeightRule::Kind::psac:
      return kernels::WeightFormula::Kind::psac;
    case WeightRule::Kind::auto_s:
      return kernels::WeightFormula::Kind::auto_s;
    case WeightRule::Kind::nsgd:
      return kernels::WeightFormula::Kind::nsgd;
  }
  throw InternalError("[WeightRule::weight] unknown kind");
}

}  // namespace

WeightRule::WeightRule(Kind kind, std::vector<double> clip_norms, double parameter)
    : kind_(kind), clip_norms_(std::move(clip_norms)), parameter_(parameter) {}

WeightRule WeightRule::flat(double clip_norm) {
  require_positive("flat", "clip_norm", clip_norm);
  return {Kind::flat, {clip_norm}, 0.0};
}

WeightRule WeightRule::psac(double clip_norm, double r) {
  require_positive("psac", "clip_norm", clip_norm);
  require_positive("psac", "r", r);
  return {Kind::psac, {clip_norm}, r};
}

WeightRule WeightRule::auto_s(double clip_norm, double gamma) {
  require_positive("auto_s", "clip_norm", clip_norm);
  require_positive("auto_s", "gamma", gamma);
  return {Kind::auto_s, {clip_norm}, gamma};
}

WeightRule WeightRule::nsgd(double clip_norm, double r) {
  require_positive("nsgd", "clip_norm", clip_norm);
  require_positive("nsgd", "r", r);
  return {Kind::nsgd, {clip_norm}, r};
}

WeightRule WeightRule::flat_per_group(std::vector<double> clip_norms) {
  if (clip_norms.empty()) throw UsageError("[WeightRule::flat_per_group] no clip norm given: one per group is needed");
  for (double clip_norm : clip_norms) require_positive("flat_per_group", "clip_norm", clip_norm);
  return {Kind::flat, std::move(clip_norms), 0.0};
}

WeightRule WeightRule::adaptive(double first_clip_norm, const AdaptiveClipping& clipping) {
  require_positive("adaptive", "first_clip_norm", first_clip_norm);
  validate(clipping);
  WeightRule rule(Kind::adaptive, {first_clip_norm}, 0.0);
  rule.adaptive_ = clipping;
  return rule;
}

WeightRule WeightRule::at(double clip_norm) const {
  return adaptive_ ? flat(clip_norm) : *this;
}

std::string WeightRule::name() const {
  switch (kind_) {
    case Kind::flat:
      return per_group() ? "flat-per-group" : "flat";
    case Kind::psac:
      return "psac";
    case Kind::auto_s:
      return "auto-s";
    case Kind::nsgd:
      return "nsgd";
    case Kind::adaptive:
      return "adaptive";
  }
  throw InternalError("[WeightRule::name] unknown kind");
}

std::vector<std::pair<std::string, double>> WeightRule::parameters() const {
  std::vector<std::pair<std::string, double>> result;
  if (per_group()) {
    for (size_t g = 0; g < clip_norms_.size(); ++g) result.emplace_back(fmt::format("clip_norm.{}", g), clip_norms_[g]);
  } else {
    result.emplace_back("clip_norm", clip_norms_[0]);
  }
  if (adaptive_) {
    result.emplace_back("quantile", adaptive_->quantile);
    result.emplace_back("rate", adaptive_->rate);
    result.emplace_back("count_noise", adaptive_->count_noise);
  }
  if (kind_ == Kind::auto_s) result.emplace_back("gamma", parameter_);
  if (kind_ == Kind::psac || kind_ == Kind::nsgd) result.emplace_back("r", parameter_);
  return result;
}

double WeightRule::sensitivity() const {
  if (adaptive_) return 1.0;
  if (!per_group()) return clip_norms_[0];
  double sum = 0.0;
  for (double clip_norm : clip_norms_) sum += clip_norm * clip_norm;
  // Rounded up: the noise may be a few ulp too large, never too small.
  return std::sqrt(sum) *
         (1.0 + 4.0 * static_cast<double>(clip_norms_.size()) * std::numeric_limits<double>::epsilon());
}

std::vector<kernels::WeightFormula> WeightRule::formulas() const {
  std::vector<kernels::WeightFormula> result;
  for (const double clip_norm : clip_norms_) result.push_back({formula(kind_), clip_norm, parameter_});
  return result;
}

float WeightRule::weight(double norm, int64_t group) const {
  return kernels::record_weight(formulas().at(static_cast<size_t>(group)), norm);
}

}  // namespace sotto::optim

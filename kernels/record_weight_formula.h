#pragma once
// The weight of one record, for processor and device. Compile without contraction into multiply-adds.

#include <sotto/kernels/host_device.h>
#include <sotto/kernels/record_weights.h>

#include <cmath>

namespace sotto::kernels {

SOTTO_HOST_DEVICE inline bool is_finite(double value) {
  return std::fabs(value) <= 1.7976931348623157e308;
}

SOTTO_HOST_DEVICE inline double norm_bound(double computed, double slack) {
  const double squared = computed + slack;
  if (!is_finite(squared)) return squared;
  return std::sqrt(squared > 0 ? squared : 0.0) * (1.0 + kNormMargin);
}

SOTTO_HOST_DEVICE inline float round_down(double value) {
  const auto nearest = static_cast<float>(value);
  return static_cast<double>(nearest) > value ? nextafterf(nearest, 0.0F) : nearest;
}

SOTTO_HOST_DEVICE inline float weight_of(const WeightFormula& of, double norm) {
  if (!is_finite(norm) || norm < 0.0) return 0.0F;
  constexpr double kTwoUnits = 4.440892098500626e-16;  // 2 epsilon
  double weight = 0;
  switch (of.kind) {
    case WeightFormula::Kind::flat:
      weight = norm <= of.clip_norm ? 1.0 : of.clip_norm / norm;
      break;
    // The equivalent C (n + r) / (n^2 + r n + r) overflows for large n.
    case WeightFormula::Kind::psac:
      weight = of.clip_norm / (norm + of.parameter / (norm + of.parameter));
      break;
    case WeightFormula::Kind::auto_s:
    case WeightFormula::Kind::nsgd:
      weight = of.clip_norm / (norm + of.parameter);
      break;
  }
  if (norm > 0.0) {
    const double most = (1.0 - kTwoUnits) * (of.clip_norm / norm);
    if (most < weight) weight = most;
  }
  return round_down(weight);
}

// Bounds of all groups of record i are looked at before the weight of any is written.
SOTTO_HOST_DEVICE inline void write_weights(const WeightFormula* groups, std::size_t group_count,
                                            const double* computed, const double* slack, const std::uint8_t* active,
                                            std::size_t records, std::size_t i, float* weights) {
  bool counts = active == nullptr || active[i] != 0;
  for (std::size_t g = 0; g < group_count; ++g)
    counts = counts && is_finite(norm_bound(computed[g * records + i], slack[g * records + i]));
  for (std::size_t g = 0; g < group_count; ++g) {
    const std::size_t at = g * records + i;
    weights[at] = counts ? weight_of(groups[g], norm_bound(computed[at], slack[at])) : 0.0F;
  }
}

}  // namespace sotto::kernels

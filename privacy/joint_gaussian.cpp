#include <sotto/privacy/error.h>
#include <sotto/privacy/joint_gaussian.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace sotto::privacy {
namespace {

// Of the nested releases, the least noise and the sum of count * (least / noise)^2: the square of the noise itself may
// overflow.
struct Sum {
  double least = std::numeric_limits<double>::infinity();
  double weight = 0;
  double terms = 0;

  void add(double noise, double count) {
    if (noise < least) {
      const double ratio = least == std::numeric_limits<double>::infinity() ? 0 : noise / least;
      weight *= ratio * ratio;
      least = noise;
    }
    const double ratio = least == 0 ? 1 : least / noise;
    weight += count * ratio * ratio;
    ++terms;
  }
};

void add(const Event& event, double count, Sum& sum) {
  std::visit(
      [&](const auto& kind) {
        using Kind = std::decay_t<decltype(kind)>;
        if constexpr (std::is_same_v<Kind, Gaussian>) {
          if (count > 0) sum.add(kind.noise_multiplier, count);
        } else if constexpr (std::is_same_v<Kind, SelfComposed>) {
          add(*kind.event, count * static_cast<double>(kind.count), sum);
        } else if constexpr (std::is_same_v<Kind, Composed>) {
          for (const Event& part : kind.events) add(part, count, sum);
        } else {
          throw UsageError(
              "[joint_gaussian] a release of another kind under one sampling; allowed are gaussian, and composed and "
              "self_composed of gaussian");
        }
      },
      event.variant());
}

}  // namespace

Gaussian joint_gaussian(const Event& event) {
  validate(event);
  if (const auto* gaussian = std::get_if<Gaussian>(&event.variant())) return *gaussian;
  Sum sum;
  add(event, 1, sum);
  if (sum.terms == 0) throw UsageError("[joint_gaussian] no gaussian under the sampling; allowed is one or more");
  if (sum.terms == 1 && sum.weight == 1) return Gaussian{sum.least};
  if (!std::isfinite(sum.weight)) return Gaussian{0};
  const double margin = std::min(1.0, 4 * (sum.terms + 8) * std::numeric_limits<double>::epsilon());
  return Gaussian{sum.least / std::sqrt(sum.weight) * (1 - margin)};
}

}  // namespace sotto::privacy

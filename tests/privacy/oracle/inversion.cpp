#include "inversion.h"

#include <algorithm>
#include <cmath>

#include "loss_nodes.h"
#include "saddle.h"

namespace sotto::oracle {

namespace {

constexpr double kNats = 44;        // e^-44 = 8e-20: what is left out, relative to delta
constexpr double kMomentNats = 72;  // terms of a moment that are left out
constexpr size_t kMostLosses = 30000;
constexpr double kMostProducts = 6e7;  // nodes times losses
constexpr int kMostRefinements = 8;

// The rule of twice the step has to be this good for the rule itself to be good to e^-kNats / T.
double coarse_tolerance(const Law& law) {
  return std::sqrt(std::exp(-kNats) / law.steps());
}

// How far below its peak the integrand, times its width, may end: delta is that much smaller than the bound
// M(c)^T e^(-c epsilon) / (c (c + 1)).
double nats_of(const Law& law, const InversionSettings& settings) {
  const double c = settings.abscissa;
  const double peak = law.steps() * log_moment(law, c).value - c * settings.near_epsilon - std::log1p(c);
  return kNats + std::max(0.0, peak - settings.log_delta);
}

// Where r is near 1, exp(z loss) is nearly exp(+-z q e^y); the shift of y, in radians, puts it amid the sector where
// this decays, for z on a contour that ends in the direction `angle` from the vertical.
double shift_in_ratio(const Law& law, double angle) {
  return law.side == Side::remove ? M_PI / 2 : (angle + M_PI / 2) / 2;
}

Complex over_poles(const Complex& z) {
  return reciprocal(z * Complex{z.re + 1, z.im});
}

// The nodes of one release, refined until the moment at z is good.
struct Refined {
  LossNodes nodes;
  Complex value;
};
std::optional<Refined> refine(const Law& law, const Path& path, double& step, const std::vector<Stretch>& stretches,
                              const Complex& z, const Real& scale) {
  for (int i = 0; i < kMostRefinements; ++i, step /= 2) {
    LossNodes nodes = loss_nodes(law, path, step, stretches);
    if (nodes.base.size() > kMostLosses) return std::nullopt;
    const Moment found = moment(nodes, z, kMomentNats);
    const Real size = scale > 0 ? scale : modulus(found.value);
    if (found.coarse_error <= coarse_tolerance(law) * size) return Refined{std::move(nodes), found.value};
  }
  return std::nullopt;
}

}  // namespace

// The rule of step h along the line sums e^(c m P) delta(epsilon + m P) over all m, P = 2 pi / h. On the left delta <=
// 1; on the right it has a Chernoff bound at every abscissa above c.
double alias_free_period(const Law& law, const InversionSettings& settings) {
  const double c = settings.abscissa;
  const double nats = kNats - settings.log_delta;
  double right = HUGE_VAL;
  for (double above = 1.03 * c; above < 30 * c; above *= 1.12) {
    const double bound = law.steps() * log_moment(law, above).value - above * settings.near_epsilon + nats;
    right = std::min(right, bound / (above - c));
  }
  return std::max(nats / c, right);
}

std::optional<Inversion> Inversion::line(const Law& law, const InversionSettings& settings) {
  const double c = settings.abscissa;
  const double nats = nats_of(law, settings);
  const std::vector<Stretch> stretches = bulk(law, law.side == Side::remove ? c + 1 : -c, kMomentNats + 5);
  const Path path{std::min(1.5, shift_in_ratio(law, 0) * law.noise_multiplier()), 0};
  double loss_step = std::min(0.3, 0.3 * law.noise_multiplier()) * settings.loss_step;
  std::optional<Refined> moments = refine(law, path, loss_step, stretches, {c, 0}, 0);
  if (!moments) return std::nullopt;

  Inversion result;
  const Real scale = moments->value.re;
  if (!(scale > 0)) return std::nullopt;
  result.log_scale_ = Real(law.release.steps) * log(scale);
  const Real step = 2 * pi() / (settings.period * alias_free_period(law, settings));
  const double tolerance = coarse_tolerance(law);

  std::vector<Complex> terms, factors;
  size_t even = 0;
  const auto start = [&](const Complex& z) {
    terms.clear(), factors.clear();
    for (size_t j = 0; j < moments->nodes.base.size(); ++j) {
      if (j == moments->nodes.even) even = terms.size();
      const Complex exponent = moments->nodes.base[j] + z * moments->nodes.loss[j];
      if (static_cast<double>(exponent.re - log(scale)) < -kMomentNats - 10) continue;
      terms.push_back((1 / scale) * exp(exponent));
      factors.push_back(exp(step * Complex{-moments->nodes.loss[j].im, moments->nodes.loss[j].re}));
    }
    if (moments->nodes.even == moments->nodes.base.size()) even = terms.size();
  };
  start({c, 0});

  const double stop = std::exp(-nats);
  const double first = 1 / (c * (c + 1));
  int small = 0;
  double products = 0;
  for (long k = 0; k < settings.most_nodes; ++k) {
    const Complex z{c, Real(k) * step};
    Complex sums[2];
    for (int refinement = 0;; ++refinement) {
      sums[0] = sums[1] = Complex{};
      for (size_t j = 0; j < terms.size(); ++j) {
        Complex& sum = sums[j < even ? 0 : 1];
        sum.re += terms[j].re;
        sum.im += terms[j].im;
      }
      if (static_cast<double>(modulus(sums[0] - sums[1])) <= tolerance) break;
      loss_step /= 2;
      moments = refine(law, path, loss_step, stretches, z, scale);
      if (!moments || refinement > kMostRefinements) return std::nullopt;
      start(z);
    }
    products += static_cast<double>(terms.size());
    if (products > kMostProducts) return std::nullopt;
    const Complex factor = power(sums[0] + sums[1], law.release.steps) * over_poles(z);
    const Real weight = step / pi() / (k == 0 ? 2 : 1);
    result.nodes_.push_back({z, weight * Complex{-factor.im, factor.re}});
    small = static_cast<double>(modulus(factor)) < stop * first ? small + 1 : 0;
    if (small >= 12) return result;
    for (size_t j = 0; j < terms.size(); ++j) terms[j] = terms[j] * factors[j];
    if (k % 64 == 63) {
      size_t kept = 0, kept_even = 0;
      for (size_t j = 0; j < terms.size(); ++j) {
        if (static_cast<double>(norm(terms[j])) < std::exp(-2 * (kMomentNats + 10))) continue;
        if (j < even) ++kept_even;
        terms[kept] = terms[j], factors[kept++] = factors[j];
      }
      terms.resize(kept), factors.resize(kept);
      even = kept_even;
    }
  }
  return std::nullopt;
}

std::optional<Inversion> Inversion::hyperbola(const Law& law, const InversionSettings& settings) {
  const double sigma = law.noise_multiplier();
  const double c = settings.abscissa;
  const double nats = nats_of(law, settings);
  const double slope = 1.15 * std::tan(settings.angle);
  const double kappa = law.side == Side::remove ? c + 1 : 0;
  const double spread = 1 / (1 - slope * slope);
  const double left = law.side == Side::remove ? -13.0 : std::min(-13.0, bulk(law, -c, kMomentNats + 10).front().from);
  const std::vector<Stretch> stretches = {{left, std::max(1.0, kappa * spread) / sigma + 13 * std::sqrt(spread)}};
  const Path path{std::min(3.0, shift_in_ratio(law, settings.angle) * sigma), slope};
  double loss_step = 0.25 * std::min(1.0, sigma) * settings.loss_step;
  std::optional<Refined> moments = refine(law, path, loss_step, stretches, {c, 0}, 0);
  if (!moments) return std::nullopt;

  Inversion result;
  const Real scale = moments->value.re;
  if (!(scale > 0)) return std::nullopt;
  result.log_scale_ = Real(law.release.steps) * log(scale);
  const double tolerance = coarse_tolerance(law);
  // Near the crossing the hyperbola is a line, with nodes step * c apart.
  const Real step = std::min(0.03, 2 * M_PI / (c * alias_free_period(law, settings))) / Real(settings.period);
  const Real along = c / cos(Real(settings.angle)), sine = sin(Real(settings.angle)),
             cosine = cos(Real(settings.angle));
  const double stop = std::exp(-nats);
  const double first = 1 / (c * (c + 1));
  int small = 0;
  for (long k = 0; k < 5000; ++k) {
    const Real v = Real(k) * step;
    const Real hyperbolic_cosine = cosh(v), hyperbolic_sine = sinh(v);
    Complex bend{along * sine * (hyperbolic_cosine - 1), along * cosine * hyperbolic_sine};
    Complex direction{along * sine * hyperbolic_sine, along * cosine * hyperbolic_cosine};
    if (law.side == Side::add) bend.re = -bend.re, direction.re = -direction.re;
    const Complex z{c + bend.re, bend.im};
    Moment found = moment(moments->nodes, z, kMomentNats);
    // (1 - q)^z, which bounds M far out, decides together with exp(-z epsilon); the scale is that of their product.
    const Real size = std::max(scale, modulus(found.value));
    if (!(found.coarse_error <= tolerance * size)) {
      loss_step /= 2;
      moments = refine(law, path, loss_step, stretches, z, size);
      if (!moments) return std::nullopt;
      found.value = moments->value;
    }
    const Complex factor = power((1 / scale) * found.value, law.release.steps) * over_poles(z) * direction;
    const Real weight = step / pi() / (k == 0 ? 2 : 1);
    result.nodes_.push_back({z, weight * factor});
    const Real decay = modulus(factor) * exp(-bend.re * settings.near_epsilon);
    small = static_cast<double>(decay) < stop * first * c ? small + 1 : 0;
    if (small >= 12) return result;
  }
  return std::nullopt;
}

Inversion::Value Inversion::at(const Real& epsilon) const {
  Value value{0, 0};
  for (const Node& node : nodes_) {
    const Complex term = node.factor * exp(Complex{log_scale_ - node.z.re * epsilon, -node.z.im * epsilon});
    value.delta += term.im;
    value.slope -= node.z.re * term.im + node.z.im * term.re;
  }
  return value;
}

}  // namespace sotto::oracle

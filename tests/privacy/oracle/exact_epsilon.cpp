#include "exact_epsilon.h"

#include <algorithm>
#include <cmath>

#include "bulk.h"
#include "inversion.h"
#include "saddle.h"
#include "single_release.h"

namespace sotto::oracle {

namespace {

constexpr double kCutNats = 46;  // what a cut leaves out, below delta
constexpr int kMostAttempts = 30;
constexpr double kEdgeNats = 50;  // weight at the cut, below the moment over the number of releases

bool has_closed_form(const Release& release) {
  return release.steps == 1 || release.sampling_rate == 1;
}

bool agree(const Real& a, const Real& b) {
  return abs(a - b) <= kAgreement * std::max(abs(a), abs(b));
}

// Bound of the probability that any release has x > cut * sigma, under P.
double tail(const Law& law, double cut) {
  const double q = law.sampling_rate();
  const auto upper = [](double x) { return 0.5 * std::erfc(x / std::sqrt(2.0)); };
  return law.steps() * ((1 - q) * upper(cut) + q * upper(cut - 1 / law.noise_multiplier()));
}

Law with_cut(const Release& release, Side side, double log_delta) {
  Law law{release, side};
  const double allowed = std::exp(log_delta - kCutNats);
  if (side == Side::add || allowed < 1e-290) return law;
  double low = 0, high = 60 + 1 / law.noise_multiplier();
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (tail(law, middle) > allowed ? low : high) = middle;
  }
  law.cut = high;
  return law;
}

// Newton's method on log delta; nothing when it leaves epsilon > 0 or does not settle.
Answer root(const Inversion& inversion, const Real& start, const Real& delta) {
  Real epsilon = start;
  for (int i = 0; i < 100; ++i) {
    const Inversion::Value value = inversion.at(epsilon);
    if (!(value.delta > 0) || !(value.slope < 0)) return std::nullopt;
    Real step = log(value.delta / delta) * value.delta / -value.slope;
    step = std::clamp(step, Real(-epsilon / 2), Real(epsilon + Real(1)));
    epsilon += step;
    if (abs(step) <= Real(1e-22) * epsilon) return epsilon;
    if (epsilon < Real(1e-30)) return std::nullopt;
  }
  return std::nullopt;
}

Answer root_of_closed_form(const Release& release, Side side, const Real& delta) {
  if (closed_form_delta(release, side, 0) <= delta) return Real(0);
  Real low = 0, high = 1e-6;
  while (closed_form_delta(release, side, high) > delta) low = high, high *= 2;
  for (int i = 0; i < 130; ++i) {
    const Real middle = (low + high) / 2;
    (closed_form_delta(release, side, middle) > delta ? low : high) = middle;
  }
  return (low + high) / 2;
}

// Near the saddle, and left of it where the moments beyond it grow fast. What a cut leaves out has to be negligible at
// the abscissa too, since the rule for M converges fast only when nothing is seen to end.
struct Abscissa {
  double value = 0;
  double period = HUGE_VAL;
};
Abscissa cheapest_abscissa(const Law& law, InversionSettings settings) {
  double start = saddle_abscissa(law, settings.near_epsilon);
  if (std::isfinite(law.cut)) {
    double low = std::log(1e-9), high = std::log(start);
    for (int i = 0; i < 40; ++i) {
      const double middle = (low + high) / 2, c = std::exp(middle);
      const double edge = log_weight(law, c + 1, law.cut) - log_moment(law, c).value;
      (edge < -kEdgeNats - std::log(law.steps()) ? low : high) = middle;
    }
    start = std::exp(low);
  }
  Abscissa best;
  for (double fraction = 1; fraction > 0.2; fraction *= 0.88) {
    settings.abscissa = fraction * start;
    const double period = alias_free_period(law, settings);
    if (period < best.period) best = {settings.abscissa, period};
  }
  return best;
}

// The contour that works at this point; `variant` 0 or 1 with different settings throughout.
std::optional<Inversion> invert(const Law& law, const Real& epsilon, double log_delta, int variant) {
  InversionSettings settings;
  settings.near_epsilon = static_cast<double>(epsilon);
  settings.log_delta = std::min(log_delta, 0.0);
  const Law whole{law.release, law.side};
  const Abscissa uncut = cheapest_abscissa(whole, settings);
  const Abscissa cut = std::isfinite(law.cut) ? cheapest_abscissa(law, settings) : Abscissa{};
  const Law& chosen = cut.period < uncut.period ? law : whole;
  double left = 1;
  if (variant == 1) {
    left = 0.87;
    settings.period = 1.31;
    settings.loss_step = 0.77;
    settings.angle = 0.31;
  }
  settings.abscissa = left * (cut.period < uncut.period ? cut.value : uncut.value);
  std::optional<Inversion> result = Inversion::line(chosen, settings);
  if (result) return result;
  InversionSettings bent = settings;
  bent.abscissa = left * uncut.value;
  result = Inversion::hyperbola(whole, bent);
  if (result) return result;
  settings.most_nodes = 400000;
  return Inversion::line(chosen, settings);
}

// Upper bound of delta(epsilon): (1 - e^(epsilon - l))_+ <= e^(c (l - epsilon)) c^c / (1 + c)^(1 + c).
Real chernoff(const Law& law, const Real& epsilon) {
  const double c = saddle_abscissa(law, static_cast<double>(epsilon));
  const double value = law.steps() * log_moment(law, c).value;
  return exp(Real(value) - Real(c) * epsilon - Real(c) * log1p(Real(1 / c)) - log1p(Real(c)));
}

// Above this epsilon delta is 0 on the side of add.
Real greatest_loss(const Release& release) {
  return -Real(release.steps) * log1p(-release.sampling_rate);
}

// Is delta on the side of add at most `delta`? false when that is not known.
bool add_is_at_most(const Release& release, const Real& epsilon, const Real& delta) {
  if (has_closed_form(release)) return closed_form_delta(release, Side::add, epsilon) <= delta;
  if (epsilon >= greatest_loss(release)) return true;
  if (chernoff({release, Side::add}, epsilon) <= delta * Real(0.999)) return true;
  const Answer add = exact_delta(release, Side::add, epsilon);
  return add && *add <= delta;
}

}  // namespace

Answer exact_delta(const Release& release, Side side, const Real& epsilon) {
  if (has_closed_form(release)) return closed_form_delta(release, side, epsilon);
  if (side == Side::add && epsilon >= greatest_loss(release)) return Real(0);
  double log_delta = approximate_log_delta({release, side}, static_cast<double>(epsilon));
  Answer last;
  for (int attempt = 0; attempt < 6; ++attempt) {
    const Law law = with_cut(release, side, log_delta);
    const std::optional<Inversion> inversion = invert(law, epsilon, log_delta, attempt % 2);
    if (!inversion) return std::nullopt;
    const Real found = inversion->at(epsilon).delta;
    if (!(found > 0)) return std::nullopt;
    const double log_found = static_cast<double>(log(found));
    // Errors were kept small relative to the guess.
    const bool within = log_found > log_delta - 2;
    if (within && last && agree(*last, found)) return found;
    if (within) last = found;
    log_delta = log_found - 1;
  }
  return std::nullopt;
}

Answer exact_epsilon(const Release& release, Side side, const Real& delta) {
  if (has_closed_form(release)) return root_of_closed_form(release, side, delta);
  // A union bound decides many of the cases where epsilon is 0.
  if (Real(release.steps) * closed_form_delta({release.sampling_rate, release.noise_multiplier, 1}, side, 0) <= delta) {
    return Real(0);
  }
  const double log_delta = static_cast<double>(log(delta));
  const Law law = with_cut(release, side, log_delta);
  if (approximate_log_delta(law, 0) < log_delta + 4) {
    const Answer at_zero = exact_delta(release, side, 0);
    if (at_zero && agree(*at_zero, delta)) return std::nullopt;
    if (at_zero && *at_zero < delta) return Real(0);
  }
  Real guess = approximate_epsilon(law, log_delta);
  if (guess <= 0) guess = Real(1) / saddle_abscissa(law, 0) / 100;
  Answer last;
  Real low = 0, high = 0;  // high = 0: not known
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    const std::optional<Inversion> inversion = invert(law, guess, log_delta, attempt % 2);
    if (!inversion) return std::nullopt;
    Answer found = root(*inversion, guess, delta);
    if (found && last && agree(*last, *found)) return found;
    last = found;
    if (found) {
      guess = *found;
      continue;
    }
    // Far from the root the sum is noise, of either sign, where delta is much smaller than at the root.
    (inversion->at(guess).delta > delta ? low : high) = guess;
    guess = high == 0 ? Real(2 * low) : low == 0 ? Real(high / 2) : Real(sqrt(low * high));
  }
  return std::nullopt;
}

Answer exact_epsilon(const Release& release, const Real& delta) {
  Answer remove = exact_epsilon(release, Side::remove, delta);
  if (remove && add_is_at_most(release, *remove, delta)) return remove;
  Answer add = exact_epsilon(release, Side::add, delta);
  if (!remove || !add) return std::nullopt;
  return *remove > *add ? remove : add;
}

}  // namespace sotto::oracle

#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/loss_composition.h>
#include <sotto/privacy/one_step_loss.h>
#include <sotto/privacy/pld_accountant.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kSmallest = std::numeric_limits<double>::min();
constexpr double kNegligible = 1e-11;  // tails, relative to delta
constexpr double kSmallestTail = 1e-290;
constexpr double kRoughPoints = 1000;  // of the lattice that only finds the saddle point
constexpr double kMostLatticePoints = 1e6;
constexpr double kLargestRange = 1e6;  // of the losses of one release
constexpr double kFewLatticePoints = 2e5;
constexpr std::size_t kSmallTransform = std::size_t{1} << 15;
constexpr double kFewPoints = 4096;  // of a transform that takes no time
constexpr int kMostPasses = 10;
constexpr double kLossRounding = 1e-13;  // of a sum of largest losses

using Saddle = LossComposition::Saddle;

// The releases of one direction.
class DirectedLosses {
 public:
  DirectedLosses(const MergedEvents& events, Adjacency adjacency, Direction direction) {
    if (events.squared_gaussian_mean > 0)
      losses_.push_back({gaussian_loss(std::sqrt(events.squared_gaussian_mean)), 1});
    for (const MergedEvents::Term& term : events.terms)
      losses_.push_back({one_step_loss(term.event, adjacency, direction), term.count});
    for (const auto& [loss, count] : losses_) {
      total_ += count;
      only_atoms_ = only_atoms_ && loss.pieces.empty();
      if (!loss.atoms.empty() && !loss.pieces.empty() && grain_ == 0) grain_ = 2 * std::abs(loss.atoms.front().loss);
      double top = 0;
      for (const auto& piece : loss.pieces) top = std::max(top, piece.pair->loss(piece.to));
      for (const auto& atom : loss.atoms) top = std::max(top, atom.loss);
      largest_ += count * top;
      log_kept_ += count * std::log1p(-std::min(1.0, loss.mass_at_infinity));
    }
  }

  double total() const { return total_; }
  std::size_t kinds() const { return losses_.size(); }
  // No finite loss is above it; may be infinite.
  double largest_loss() const { return largest_; }
  double mass_at_infinity() const { return -std::expm1(log_kept_); }
  bool only_bounded() const { return std::isfinite(largest_) && log_kept_ == 0; }

  double range(double tail) const {
    double range = 0;
    for (const auto& [loss, count] : losses_) range = std::max(range, loss_range(loss, tail));
    return range;
  }

  // The largest step not above `step` that atoms fit.
  double fitting(double step) const {
    step = std::min(step, kLargestStep);
    if (only_atoms_) return std::exp2(std::floor(std::log2(step)));
    if (grain_ > 0) return grain_ / std::ceil(grain_ / step);
    return step;
  }

  LossComposition composition(double step, double tail) const {
    std::vector<LossComposition::Term> terms;
    for (const auto& [loss, count] : losses_) terms.push_back({discretise(loss, step, tail), count});
    return LossComposition(std::move(terms));
  }

 private:
  std::vector<std::pair<OneStepLoss, double>> losses_;
  double total_ = 0, largest_ = 0, log_kept_ = 0;
  double grain_ = 0;  // distance between atoms of the first loss that has some
  bool only_atoms_ = true;
};

double clamped_tail(double mass, double total) {
  return std::clamp(mass * kNegligible / total, kSmallestTail, 1e-9);
}

// What is asked of a composition: epsilon at a delta or delta at an epsilon.
struct Question {
  std::optional<double> delta, epsilon;
  Precision precision;
  double enough;  // an upper end no larger than this needs no refinement

  Saddle find(const LossComposition& composition) const {
    return delta ? composition.saddle_of_delta(*delta) : composition.saddle_of_epsilon(*epsilon);
  }
  Saddle follow(const LossComposition& composition, double c) const {
    if (epsilon) return composition.saddle_at(c, *epsilon);
    Saddle saddle = composition.saddle_at(c);
    saddle.epsilon = std::max(0.0, saddle.epsilon);
    return saddle;
  }
  Bracket ask(const ComposedLaw& law) const { return delta ? law.epsilon(*delta) : law.delta(*epsilon); }
  // Width in terms of epsilon: delta falls like e^(-c epsilon).
  double width(const Bracket& bracket, double c) const {
    if (delta) return bracket.width();
    return bracket.lower > 0 ? std::log(bracket.upper / bracket.lower) / c : kInfinity;
  }
  double wanted(double upper, double c) const {
    if (epsilon) return precision.relative / c;
    // Where epsilon is next to nothing, a small part of the scale on which delta falls will do.
    return std::min(precision.absolute, std::max(precision.relative * upper, 1e-2 * precision.relative / c));
  }
};

// Where epsilon is expected: Chernoff's bound, less what the saddle-point approximation takes off.
double expected_epsilon(const Question& question, const Saddle& saddle) {
  if (question.epsilon) return *question.epsilon;
  const double spare = std::log(*question.delta) - saddle.log_delta;
  return std::max(0.0, saddle.epsilon - std::max(0.0, spare) / saddle.c);
}

// How wide the bracket may be because its upper end needs only be small enough, in terms of epsilon.
double allowance(const Question& question, const Saddle& saddle) {
  if (question.delta) return question.enough - expected_epsilon(question, saddle);
  return question.enough > 0 ? (std::log(question.enough) - saddle.log_delta - 1) / saddle.c : 0;
}

bool usable(const Saddle& saddle) {
  return saddle.c > 0 && std::isfinite(saddle.c) && std::isfinite(saddle.epsilon) && std::isfinite(saddle.log_delta);
}

// The step at which the bracket is expected to be as narrow as asked; no smaller than the transform allows. Looks at
// lattices alone, which cost little.
double choose_step(const DirectedLosses& losses, const Question& question, double tail, double most_points, double step,
                   double c) {
  double too_coarse = kInfinity, fine_enough = 0;
  for (int i = 0; i < 16; ++i) {
    const double most_lattice_points =
        std::min(kMostLatticePoints / static_cast<double>(losses.kinds()), 8 * most_points);
    if (losses.range(tail) / step > most_lattice_points)
      return losses.fitting(losses.range(tail) / most_lattice_points);
    const LossComposition composition = losses.composition(step, tail);
    const Saddle saddle = question.follow(composition, c);
    if (!usable(saddle)) return step;
    const auto points = static_cast<double>(composition.points(saddle));
    const double expected = composition.expected_width(c);
    const double goal = std::max(question.wanted(expected_epsilon(question, saddle), c), allowance(question, saddle));
    double factor = std::sqrt(0.6 * goal / std::max(expected, 1e-300));
    if (expected <= 0.8 * goal) {
      if (points > most_points) return losses.fitting(step * points / most_points);
      if (expected >= 0.3 * goal || points <= kFewPoints || fine_enough == step) return step;
      fine_enough = step;
      factor = std::clamp(factor, 1.2, 8.0);
      if (step * factor >= 0.95 * too_coarse) factor = std::sqrt(too_coarse / step);
    } else {
      if (points >= most_points) return losses.fitting(step * points / most_points);
      too_coarse = step;
      factor = std::clamp(factor, 1.0 / 6, 0.8);
      if (step * factor <= 1.05 * fine_enough) factor = std::sqrt(fine_enough / step);
    }
    if (fine_enough > 0 && too_coarse < 1.3 * fine_enough) return losses.fitting(fine_enough);
    step = losses.fitting(step * factor);
  }
  return fine_enough > 0 ? losses.fitting(fine_enough) : step;
}

// Whether small transforms alone show that the upper end is small enough.
bool small_enough(const DirectedLosses& losses, const Question& question, double tail, double step, double c,
                  Bracket& bracket) {
  for (; question.enough > 0 && losses.range(tail) / step < kFewLatticePoints; step = losses.fitting(step / 4)) {
    const LossComposition composition = losses.composition(step, tail);
    const Saddle saddle = question.follow(composition, c);
    if (!usable(saddle) || composition.points(saddle) > kSmallTransform) return false;
    const Bracket found = question.ask(composition.law(saddle, kSmallTransform));
    bracket = {std::max(bracket.lower, found.lower), std::min(bracket.upper, found.upper)};
    if (bracket.upper <= question.enough) return true;
  }
  return false;
}

// Asks the question on ever finer lattices until the bracket is narrow enough.
Bracket refine(const DirectedLosses& losses, const Question& question, double tail, std::size_t points_of_all,
               Bracket bracket) {
  // Every kind of release has a transform of its own: together they take no longer than one.
  const std::size_t most_points = std::bit_floor(points_of_all / losses.kinds());
  const auto most = static_cast<double>(most_points);
  const double range = losses.range(tail);
  double step = losses.fitting(range > 0 ? std::min(range / kRoughPoints, kLargestStep) : 1.0);
  double c = 0;
  if (range > kLargestRange) return bracket;  // nothing private happens there
  try {
    const Saddle saddle = question.find(losses.composition(step, tail));
    if (!usable(saddle)) return bracket;
    c = saddle.c;
    if (small_enough(losses, question, tail, step, c, bracket)) return bracket;
    // An epsilon of 0 shows on any lattice.
    if (question.epsilon || saddle.epsilon > 0) step = choose_step(losses, question, tail, most, step, c);
  } catch (const UsageError&) {
    return bracket;  // moments overflow, or the losses do not fit the largest lattice
  }
  double before = kInfinity;
  std::optional<double> centre;  // of the window, where the saddle point was not it
  for (int pass = 0; pass < kMostPasses; ++pass) {
    double finest = 0;
    try {
      const LossComposition composition = losses.composition(step, tail);
      Saddle saddle = centre ? composition.saddle_of_epsilon(*centre) : question.follow(composition, c);
      if (!usable(saddle)) break;
      saddle.log_delta = std::min(saddle.log_delta, std::log(question.delta.value_or(bracket.upper)));
      c = saddle.c;
      const ComposedLaw law = composition.law(saddle, most_points);
      finest = law.period() / most;
      const Bracket found = question.ask(law);
      bracket = {std::max(bracket.lower, found.lower), std::min(bracket.upper, found.upper)};
      // An end of the window is no answer: the next one is laid around it.
      if (question.delta && bracket.upper > question.enough &&
          (found.upper == kInfinity || found.upper <= law.first()) && found.upper > 0 && found.lower == 0 &&
          pass + 1 < kMostPasses) {
        centre = found.upper == kInfinity ? law.last() : found.upper;
        continue;
      }
    } catch (const UsageError&) {
      break;  // too many points: what is known by now has to do
    }
    if (bracket.upper <= question.enough) break;
    const double now = question.width(bracket, c), goal = question.wanted(bracket.upper, c);
    if (now <= goal) break;
    // Where rounding or the largest lattice decides, finer ones do not help.
    if (pass > 0 && !(now < 0.9 * before) && !(std::isfinite(now) && !std::isfinite(before))) break;
    before = now;
    const double factor = std::isfinite(now) ? std::clamp(std::sqrt(0.4 * goal / now), 1.0 / 32, 0.6) : 0.5;
    const double next = losses.fitting(std::max(finest, step * factor));
    if (next > 0.9 * step) break;
    step = next;
  }
  return bracket;
}

void check_epsilon(double epsilon) {
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[PldAccountant] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
}

[[noreturn]] void refuse() {
  throw UsageError(
      "[PldAccountant] no bracket can be certified: the losses do not fit the largest transform, or overflow; use "
      "another "
      "method");
}

}  // namespace

std::optional<std::string> PldAccountant::why_unsupported(const MergedEvents& events) {
  if (events.non_private) return std::nullopt;
  for (const MergedEvents::Term& term : events.terms)
    if (auto reason = why_no_loss(term.event)) return reason;
  return std::nullopt;
}

PldAccountant::PldAccountant(Adjacency adjacency, MergedEvents events, const Precision& precision,
                             std::size_t most_points)
    : adjacency_(adjacency), events_(std::move(events)), precision_(precision), most_points_(most_points) {
  if (const auto reason = why_unsupported(events_))
    throw UsageError(fmt::format("[PldAccountant] unsupported event: {}", *reason));
  for (const MergedEvents::Term& term : events_.terms)
    if (term.count > static_cast<double>(kMaxCount))
      throw UsageError(fmt::format("[PldAccountant] bad count: {}; allowed are 2^53 equal releases", term.count));
  for (const double width : {precision.absolute, precision.relative})
    if (!(width > 0 && std::isfinite(width)))
      throw UsageError(fmt::format("[PldAccountant] bad precision: {}; allowed is a finite number > 0", width));
}

bool PldAccountant::symmetric() const {
  return std::all_of(events_.terms.begin(), events_.terms.end(),
                     [this](const MergedEvents::Term& term) { return is_symmetric(term.event, adjacency_); });
}

Bracket PldAccountant::epsilon_above(double delta, Direction direction, double enough) const {
  if (events_.non_private || !std::isfinite(events_.squared_gaussian_mean)) return {kInfinity, kInfinity};
  if (events_.empty()) return {0, 0};
  const DirectedLosses losses(events_, adjacency_, direction);
  const double largest = losses.largest_loss();
  Bracket bracket{0, kInfinity};
  if (delta == 0) {
    if (!losses.only_bounded()) return {kInfinity, kInfinity};
    return {largest * (1 - kLossRounding), largest * (1 + kLossRounding)};
  }
  if (losses.only_bounded()) bracket.upper = largest * (1 + kLossRounding);
  bracket = refine(losses, {.delta = delta, .epsilon = {}, .precision = precision_, .enough = enough},
                   clamped_tail(delta, losses.total()), most_points_, bracket);
  if (std::isinf(bracket.upper) && bracket.lower == 0) refuse();
  return bracket;
}

Bracket PldAccountant::epsilon(double delta, Direction direction) const {
  if (delta != 0) validate_delta(delta);
  return epsilon_above(delta, direction, 0);
}

Bracket PldAccountant::epsilon(double delta) const {
  const Bracket remove = epsilon(delta, Direction::remove);
  if (symmetric()) return remove;
  // The other direction is refined only as far as it could decide.
  const Bracket add = epsilon_above(delta, Direction::add, remove.lower);
  return {std::max(remove.lower, add.lower), std::max(remove.upper, add.upper)};
}

Bracket PldAccountant::delta(double epsilon, Direction direction) const {
  check_epsilon(epsilon);
  return delta_above(epsilon, direction, 0);
}

Bracket PldAccountant::delta_above(double epsilon, Direction direction, double enough) const {
  if (events_.non_private || !std::isfinite(events_.squared_gaussian_mean)) return {1, 1};
  if (events_.empty()) return {0, 0};
  const DirectedLosses losses(events_, adjacency_, direction);
  const double infinite = losses.mass_at_infinity();
  if (epsilon >= losses.largest_loss() * (1 + kLossRounding))
    return {infinite * (1 - kLossRounding), std::min(1.0, infinite * (1 + kLossRounding))};
  const Question question{.delta = {}, .epsilon = epsilon, .precision = precision_, .enough = enough};
  // How small delta is, hence which tails are negligible, is seen from a rough look.
  double tail = clamped_tail(1e-12, losses.total());
  try {
    for (int i = 0; i < 4; ++i) {
      const double step = losses.fitting(std::max(losses.range(tail), 1e-300) / kRoughPoints);
      if (losses.range(tail) / step > kMostLatticePoints) break;
      const double log_delta = question.find(losses.composition(step, tail)).log_delta;
      const double needed =
          clamped_tail(std::isnan(log_delta) ? 0 : std::exp(std::min(0.0, log_delta)), losses.total());
      if (needed >= tail) break;
      tail = needed;
    }
  } catch (const UsageError&) {
    refuse();
  }
  const Bracket found = refine(losses, question, tail, most_points_, {0, 1});
  // Below the smallest normal number sums have no digits.
  return {found.lower < kSmallest ? 0 : found.lower, std::max(found.upper, kSmallest)};
}

Bracket PldAccountant::delta(double epsilon) const {
  check_epsilon(epsilon);
  const Bracket remove = delta_above(epsilon, Direction::remove, 0);
  if (symmetric()) return remove;
  const Bracket add = delta_above(epsilon, Direction::add, remove.lower);
  return {std::max(remove.lower, add.lower), std::max(remove.upper, add.upper)};
}

}  // namespace sotto::privacy

#include <sotto/privacy/contour_tail.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/moment_envelope.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <cstddef>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kPi = boost::math::constants::pi<double>();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kPieces = 16;
constexpr double kFarthest = 40;
constexpr double kMargin = 1e-8;

}  // namespace

ContourTail::ContourTail(const MergedEvents& events, double c, double log_moment, double step, double first,
                         double last, double epsilon)
    : step_(step), first_(first), last_(last) {
  SOTTO_ASSERT(events.squared_gaussian_mean == 0 && first >= 1 && last > first);
  const double omega = first * step;
  // Far enough for exp(-z epsilon) to fall by W^3, not so far that the damping is lost.
  const double farthest =
      std::min({3 * std::log(1 + omega) / std::max(epsilon, 1e-300), std::max(omega, 1.0) / 4, kFarthest});
  for (std::size_t piece = 0; piece <= kPieces; ++piece)
    distance_.push_back(farthest * static_cast<double>(piece) / kPieces);
  log_most_.assign(kPieces, -log_moment);
  log_end_.assign(kPieces, -log_moment);
  for (const MergedEvents::Term& term : events.terms) {
    const auto& event = std::get<PoissonSampled>(term.event);
    gain_ -= term.count * std::log1p(-event.sampling_rate);
    const MomentEnvelope envelope(event, c + 1 + farthest);
    const auto log_of = [&](double excess) {
      return term.count * std::log1p(excess) * (1 + (excess < 0 ? -kMargin : kMargin));
    };
    std::vector<double> before = envelope.excess(c + 1, omega);
    for (std::size_t piece = 0; piece < kPieces; ++piece) {
      const std::vector<double> after = envelope.excess(c + 1 + distance_[piece + 1], omega);
      double least = kInfinity;
      for (std::size_t cut = 0; cut < after.size(); ++cut) least = std::min(least, std::max(before[cut], after[cut]));
      log_most_[piece] += log_of(least);
      log_end_[piece] += log_of(*std::min_element(after.begin(), after.end()));
      before = after;
    }
  }
  // Where the damping ends, a nearer end of the paths is better.
  double least = kInfinity;
  std::size_t best = 1;
  for (pieces_ = 1; pieces_ <= kPieces; ++pieces_) {
    const double found = at(epsilon);
    if (found < least) least = found, best = pieces_;
  }
  pieces_ = best;
}

double ContourTail::weight(double k) const {
  return k <= first_ ? 1 : std::max(0.0, (last_ - k) / (last_ - first_));
}

double ContourTail::at(double epsilon) const {
  const double period = 2 * kPi / step_, omega = first_ * step_, square = omega * omega;
  const double falling = period - epsilon - gain_;
  if (!(falling > 0)) return kInfinity;
  const double end = distance_[pieces_];
  const double at_end = std::exp(log_end_[pieces_ - 1] - epsilon * end);
  // Integrals of W^2 |f| over the pieces, and the largest value in each.
  std::vector<double> integral(pieces_), most(pieces_);
  double right = 0;
  for (std::size_t i = 0; i < pieces_; ++i) {
    const double width = distance_[i + 1] - distance_[i];
    most[i] = std::exp(log_most_[i] - epsilon * distance_[i]);
    integral[i] = most[i] * (epsilon * width > 1e-8 ? -std::expm1(-epsilon * width) / epsilon : width);
    right += integral[i];
  }
  // W^2 times the mean over j at an abscissa, given the integral of W^2 |f| times the kernel along one path.
  const auto mean = [&](double along, double to_end) {
    return 2 * along / ((last_ - first_) * step_) + at_end / -std::expm1(-period * to_end);
  };
  double sum = mean(1 / falling + 1 / (epsilon + gain_) + right, end) / falling;
  double before = 1 / falling;  // what lies left of the piece, times the kernel of its left end
  for (std::size_t i = 0; i < pieces_; ++i) {
    const double width = distance_[i + 1] - distance_[i];
    const double plain = most[i];
    sum += width * (i + 1 == pieces_ ? plain : std::min(plain, mean(before + right, end - distance_[i + 1])));
    right = std::max(0.0, right - integral[i]) + 1e-12 * right;
    before = before * std::exp(-period * width) + integral[i];
  }
  sum /= square;
  sum += at_end / omega / -std::expm1(-period * end);
  return std::isnan(sum) ? kInfinity : sum / kPi * (1 + kMargin);
}

}  // namespace sotto::privacy

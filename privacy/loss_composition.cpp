#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/fft.h>
#include <sotto/privacy/loss_composition.h>
#include <sotto/privacy/spectrum_product.h>

#include <algorithm>
#include <bit>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

namespace sotto::privacy {
namespace {

constexpr double kRoundoff = std::numeric_limits<double>::epsilon() / 2;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kPi = boost::math::constants::pi<double>();
constexpr double kLargestExponent = 709;
constexpr double kNegligibleNats = 15;  // what goes round the circle, relative to delta

// Where a rising function of log c is zero.
template <class Function>
double root_of_rising(const Function& f) {
  double low = 0, high = 0, stride = 1;
  for (int i = 0; i < 8 && f(low) > 0; ++i) high = low, low -= stride, stride *= 2;
  stride = 1;
  if (high <= low) {
    high = low;
    for (int i = 0; i < 7 && f(high) < 0; ++i) low = high, high += stride, stride *= 2;
  }
  for (int i = 0; i < 40 && high - low > 1e-3; ++i) {
    const double middle = (low + high) / 2;
    (f(middle) < 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

LossComposition::LossComposition(std::vector<Term> terms) : terms_(std::move(terms)) {
  SOTTO_ASSERT(!terms_.empty());
  step_ = terms_.front().lattice.step;
  double log_kept_upper = 0, log_kept_lower = 0;
  for (const Term& term : terms_) {
    SOTTO_ASSERT(term.lattice.step == step_ && term.count >= 1);
    total_ += term.count;
    log_kept_upper += term.count * std::log1p(-std::min(1.0, term.lattice.upper_infinity));
    log_kept_lower += term.count * std::log1p(-std::min(1.0, term.lattice.lower_infinity));
  }
  upper_infinity_ = std::min(1.0, -std::expm1(log_kept_upper) * (1 + 1e-12));
  lower_infinity_ = -std::expm1(log_kept_lower) * (1 - 1e-12);
}

Cumulants LossComposition::cumulants(double c) const {
  Cumulants sum{0, 0, 0};
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    const Term& term = terms_[i];
    const Cumulants one = tilted_moment(term.lattice.upper, term.lattice.first, step_, c);
    sum.value += term.count * (one.value + c * term.lattice.offset);
    sum.slope += term.count * (one.slope + term.lattice.offset);
    sum.curvature += term.count * one.curvature;
  }
  return sum;
}

double LossComposition::expected_width(double c) const {
  double excess = 0;
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    const LossLattice& lattice = terms_[i].lattice;
    excess += terms_[i].count * (tilted_moment(lattice.upper, lattice.first, step_, c).value -
                                 tilted_moment(lattice.lower, lattice.first, step_, c).value);
  }
  return std::max(0.0, excess) / c;
}

LossComposition::Saddle LossComposition::approximation(const Cumulants& k, double c, double epsilon) {
  const double curvature = k.curvature + 1 / (c * c) + 1 / ((c + 1) * (c + 1));
  return {c, epsilon, k.value - c * epsilon - std::log(c * (c + 1)) - std::log(2 * kPi * curvature) / 2};
}

LossComposition::Saddle LossComposition::saddle_at(double c, double epsilon) const {
  return approximation(cumulants(c), c, epsilon);
}

LossComposition::Saddle LossComposition::saddle_at(double c) const {
  const Cumulants k = cumulants(c);
  return approximation(k, c, k.slope);
}

LossComposition::Saddle LossComposition::saddle_of_delta(double delta) const {
  const double log_delta = std::log(delta);
  const double c = std::exp(root_of_rising([&](double log_c) {
    const Cumulants k = cumulants(std::exp(log_c));
    return std::exp(log_c) * k.slope - k.value + log_delta;
  }));
  const Saddle saddle = saddle_at(c);
  return saddle.epsilon < 0 ? saddle_of_epsilon(0) : saddle;
}

LossComposition::Saddle LossComposition::saddle_of_epsilon(double epsilon) const {
  const auto excess = [&](double log_c) {
    const double c = std::exp(log_c);
    return cumulants(c).slope - epsilon - 1 / c - 1 / (c + 1);
  };
  return saddle_at(std::exp(root_of_rising(excess)), epsilon);
}

// The least period at which what goes round the circle is negligible, with the second tilt that shows it.
LossComposition::Window LossComposition::window(const Saddle& saddle) const {
  const double target = std::min(0.0, saddle.log_delta) - kNegligibleNats;
  const double for_left = -target / saddle.c;
  Window best{kInfinity, 0, 0, 0};
  for (const double factor : {1.05, 1.1, 1.15, 1.2, 1.3, 1.5, 2.0, 3.0, 6.0}) {
    const double other = saddle.c * factor;
    double value = 0;
    for (const Term& term : terms_) {
      const LossLattice& lattice = term.lattice;
      const double upper = tilted_moment(lattice.upper, lattice.first, step_, other).value;
      const double lower = tilted_moment(lattice.lower, lattice.first, step_, other).value;
      const double larger = std::max(upper, lower) + other * lattice.offset;
      value += term.count * (larger + moment_roundoff(lattice.upper.size()) +
                             4 * kRoundoff * (std::abs(larger) + other * std::abs(lattice.offset)));
    }
    if (!std::isfinite(value)) continue;
    const double needed = std::max({for_left, (value - target) / other - saddle.epsilon,
                                    (value - other * saddle.epsilon - target) / (other - saddle.c)});
    if (needed < best.period) best = {needed, other, value, 0};
    if (needed > 1.5 * best.period) break;
  }
  if (!std::isfinite(best.period)) throw UsageError("[LossComposition] the moments of the loss overflow");
  best.margin = 6 / saddle.c + 8 * step_ + std::min(1.5 * expected_width(saddle.c), best.period / 4);
  return best;
}

std::size_t LossComposition::points(const Saddle& saddle) const {
  return points(window(saddle));
}

std::size_t LossComposition::points(const Window& around) const {
  const double wanted = std::max(64.0, (around.period + 2 * around.margin) / step_);
  return wanted < static_cast<double>(kMostPoints) ? std::bit_ceil(static_cast<std::size_t>(std::ceil(wanted)))
                                                   : kMostPoints + 1;
}

ComposedLaw LossComposition::law(const Saddle& saddle, std::size_t largest) const {
  const Window around = window(saddle);
  const std::size_t n = points(around);
  if (n > largest)
    throw UsageError(fmt::format("[LossComposition] more than {} points are needed at step {}", largest, step_));
  const double c = saddle.c;
  std::shared_ptr<const Fft> fft = shared_fft(n);

  ComposedLaw law;
  law.step_ = step_;
  law.c_ = c;
  law.second_c_ = around.second_c;
  law.second_log_ = around.second_log;
  law.period_ = static_cast<double>(n) * step_;
  law.upper_.infinity = upper_infinity_;
  law.lower_.infinity = lower_infinity_;

  std::vector<double> re(n), im(n);
  SpectrumProduct product(n);
  const bool alone = total_ == 1;  // one release is its own law
  double offset = 0, offset_size = 0, scale_size = 0, transform_error = 0, growth = 0;
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    const LossLattice& lattice = terms_[t].lattice;
    const double count = terms_[t].count;
    const double log_moment = tilted_moment(lattice.upper, lattice.first, step_, c).value;
    std::fill(re.begin(), re.end(), 0.0);
    std::fill(im.begin(), im.end(), 0.0);
    double largest_exponent = 0;
    for (std::size_t i = 0; i < lattice.upper.size(); ++i) {
      if (lattice.upper[i] <= 0 && lattice.lower[i] <= 0) continue;
      const std::int64_t index = lattice.first + static_cast<std::int64_t>(i);
      const double exponent = c * (static_cast<double>(index) * step_);
      if (lattice.upper[i] > 0 && exponent - log_moment > kLargestExponent)
        throw UsageError("[LossComposition] the tilt overflows where masses are subnormal");
      const double tilt = std::exp(std::min(exponent - log_moment, kLargestExponent));
      largest_exponent = std::max(largest_exponent, std::abs(exponent));
      const std::size_t place = static_cast<std::size_t>(index) & (n - 1);
      re[place] += lattice.upper[i] * tilt;
      im[place] += lattice.lower[i] * tilt;
    }
    // Rare inclusions leave most of the mass at index 0, whose spectrum is a constant: it need not be transformed.
    const double upper_atom = re[0], lower_atom = im[0];
    if (!alone) re[0] = im[0] = 0;
    double square = 0, upper_mass = upper_atom, lower_mass = lower_atom;
    for (std::size_t i = 0; i < n; ++i) {
      square += re[i] * re[i] + im[i] * im[i];
      upper_mass += re[i];
      lower_mass += im[i];
    }
    const double eta = kFftRoundoff * std::log2(static_cast<double>(n)) + 2 * kRoundoff;
    if (!alone) transform_error += count * eta * std::sqrt(square);
    growth += count * (eta * std::sqrt(square * static_cast<double>(n)) +
                       std::max({0.0, upper_mass - 1, lower_mass - 1}) + 2 * kRoundoff * static_cast<double>(n));
    law.relative_ += count * kRoundoff * (12 + 4 * largest_exponent + 4 * std::abs(log_moment));
    law.log_scale_ += count * (log_moment + c * lattice.offset);
    scale_size += count * (std::abs(log_moment) + c * std::abs(lattice.offset));
    offset += count * lattice.offset;
    offset_size += count * std::abs(lattice.offset);
    law.upper_.shift += count * lattice.upper_shift;
    law.lower_.shift += count * lattice.lower_shift;

    if (alone) continue;
    fft->forward(re.data(), im.data());
    for (std::size_t i = 0; i < n; ++i) {
      re[i] += upper_atom;
      im[i] += lower_atom;
    }
    product.multiply(re, im, static_cast<std::uint64_t>(count));
  }
  if (!alone) {
    product.unpack(re, im);
    fft->inverse(re.data(), im.data());
  }
  fft.reset();  // a large one is a third of the memory at work

  // The window: points from `start` on, in order of their losses.
  const auto start = static_cast<std::int64_t>(std::floor((saddle.epsilon - around.margin - offset) / step_));
  law.base_ = offset + static_cast<double>(start) * step_;
  law.total_shift_ =
      4 * kRoundoff * (offset_size * static_cast<double>(terms_.size()) + std::abs(law.base_) + law.period_);
  double square = 0;
  for (std::size_t i = 0; i < n; ++i) square += re[i] * re[i] + im[i] * im[i];
  // Powers and the constants that were added err relative to the spectrum itself.
  const double eta = alone ? 0
                           : kFftRoundoff * std::log2(static_cast<double>(n)) + total_ * 4 * kRoundoff +
                                 4 * kRoundoff * static_cast<double>(terms_.size());
  const double grown = std::exp(growth);
  const double error =
      (transform_error * grown + eta * std::sqrt(square)) / std::max(1 - eta, 0.5) * (1 + 1e-9) + 1e-130;
  // sum a(y)^2 over the lattice, a(y) = e^(-c y) (1 - e^-y): its integral over the step, and its largest term.
  const double weights = std::sqrt(2 / (2 * c * (2 * c + 1) * (2 * c + 2)) / step_ + 1 / ((c + 1) * (c + 1)));
  law.upper_.margin = law.lower_.margin = eta < 0.5 ? error * weights : kInfinity;
  law.relative_ +=
      kRoundoff * (8 * static_cast<double>(n) + 4 * c * law.period_ + 64 * (4 + c * step_) + 4 * scale_size + 32) +
      4 * kRoundoff * (std::abs(law.log_scale_) + c * std::abs(law.base_));
  law.relative_ = std::expm1(law.relative_);
  // The second tilt's exponents err too.
  law.second_log_ += 8 * kRoundoff * (std::abs(law.second_log_) + law.second_c_ * (std::abs(law.base_) + law.period_)) +
                     law.second_c_ * law.total_shift_;

  const double fade = std::exp(-step_), gap = -std::expm1(-step_);
  for (auto [side, values] : {std::pair{&law.upper_, &re}, std::pair{&law.lower_, &im}}) {
    side->above.assign(n + 1, 0.0);
    side->excess.assign(n + 1, 0.0);
    const double weaker = std::exp(c * step_);
    double weight = 0;
    for (std::size_t j = n; j-- > 0;) {
      // Powers by multiplication, begun anew every kFresh points and wherever they have come from next to nothing.
      constexpr std::size_t kFresh = 64;
      constexpr double kNextToNothing = 1e-250;
      weight *= weaker;
      if (j % kFresh == kFresh - 1 || !(weight > kNextToNothing && weight < 1 / kNextToNothing))
        weight = std::exp(-c * (static_cast<double>(j) * step_));
      const std::size_t place = static_cast<std::size_t>(start + static_cast<std::int64_t>(j)) & (n - 1);
      const double mass = std::max(0.0, (*values)[place]) * weight;
      side->excess[j] = gap * side->above[j + 1] + fade * side->excess[j + 1];
      side->above[j] = side->above[j + 1] + mass;
    }
  }
  return law;
}

}  // namespace sotto::privacy

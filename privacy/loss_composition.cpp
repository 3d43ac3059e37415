#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/fft.h>
#include <sotto/privacy/loss_composition.h>

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
constexpr double kNegligibleNats = 18;  // what goes round the circle, relative to delta
constexpr double kMomentRoundoff = 1e-12;  // of a logarithm of tilted()
constexpr double kFlushed = 1e-140;     // smaller moduli count as 0: their powers would be slow and are nothing

// log sum of masses e^(c index step) with its first two derivatives in c. Blocks keep powers in range; the relative error
// of each block's sum is below 500 units of roundoff.
LossComposition::Cumulants tilted(const std::vector<double>& masses, std::int64_t first, double step, double c) {
  constexpr std::size_t kBlock = 128;
  const double ratio = std::exp(c * step);
  // In a block of steps too coarse for that, elements are taken one by one.
  const std::size_t length = c * step * kBlock < 600 ? kBlock : 1;
  double peak = -kInfinity, sum = 0, moment = 0, second = 0;  // relative to e^peak
  for (std::size_t start = 0; start < masses.size(); start += length) {
    const std::size_t end = std::min(masses.size(), start + length);
    double part = 0, part_moment = 0, part_second = 0;
    for (std::size_t i = end; i-- > start;) {
      // Horner's rule in the ratio for sum p x^i, sum i p x^i and sum i^2 p x^i.
      part_second = (part_second + 2 * part_moment + part) * ratio;
      part_moment = (part_moment + part) * ratio;
      part = part * ratio + masses[i];
    }
    if (part <= 0) continue;
    const auto origin = static_cast<double>(first + static_cast<std::int64_t>(start));
    const double exponent = c * step * origin + std::log(part);
    const double mean = part_moment / part, mean_square = part_second / part;
    const double loss = step * (origin + mean), loss_square = step * step * (origin * (origin + 2 * mean) + mean_square);
    if (exponent > peak) {
      const double fade = std::exp(peak - exponent);
      sum = sum * fade + 1;
      moment = moment * fade + loss;
      second = second * fade + loss_square;
      peak = exponent;
    } else if (exponent > peak - 100) {
      const double weight = std::exp(exponent - peak);
      sum += weight;
      moment += weight * loss;
      second += weight * loss_square;
    }
  }
  const double mean = moment / sum;
  return {peak + std::log(sum), mean, std::max(0.0, second / sum - mean * mean)};
}

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

// x^exponent for a block of complex numbers; relative error at most (exponent - 1) sqrt(5) u.
struct Block {
  static constexpr std::size_t kSize = 64;
  double re[kSize], im[kSize];

  void multiply(const Block& by) {
    for (std::size_t i = 0; i < kSize; ++i) {
      const double a = re[i], b = im[i];
      re[i] = a * by.re[i] - b * by.im[i];
      im[i] = a * by.im[i] + b * by.re[i];
    }
  }
  void square() {
    for (std::size_t i = 0; i < kSize; ++i) {
      const double a = re[i], b = im[i];
      const double keep = std::abs(a) + std::abs(b) > kFlushed ? 1.0 : 0.0;
      re[i] = (a * a - b * b) * keep;
      im[i] = 2 * a * b * keep;
    }
  }
  void raise(std::uint64_t exponent) {
    const Block base = *this;
    for (int bit = 62 - __builtin_clzll(exponent); bit >= 0; --bit) {
      square();
      if (exponent >> bit & 1) multiply(base);
    }
  }
};

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

LossComposition::Cumulants LossComposition::cumulants(double c) const {
  Cumulants sum{0, 0, 0};
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    const Term& term = terms_[i];
    const Cumulants one = tilted(term.lattice.upper, term.lattice.first, step_, c);
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
    excess += terms_[i].count * (tilted(lattice.upper, lattice.first, step_, c).value -
                                 tilted(lattice.lower, lattice.first, step_, c).value);
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
  return approximation(k, c, k.slope - 1 / c - 1 / (c + 1));
}

LossComposition::Saddle LossComposition::saddle_of_delta(double delta) const {
  const double target = std::log(delta);
  const Saddle saddle = saddle_at(
      std::exp(root_of_rising([&](double log_c) { return target - saddle_at(std::exp(log_c)).log_delta; })));
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
  for (const double factor : {1.1, 1.3, 1.7, 2.5, 6.0}) {
    const double other = saddle.c * factor;
    double value = 0;
    for (const Term& term : terms_) {
      const LossLattice& lattice = term.lattice;
      const double upper = tilted(lattice.upper, lattice.first, step_, other).value;
      const double lower = tilted(lattice.lower, lattice.first, step_, other).value;
      const double larger = std::max(upper, lower) + other * lattice.offset;
      value += term.count * (larger + kMomentRoundoff + 4 * kRoundoff * (std::abs(larger) + other * std::abs(lattice.offset)));
    }
    if (!std::isfinite(value)) continue;
    const double needed = std::max({for_left, (value - target) / other - saddle.epsilon,
                                    (value - other * saddle.epsilon - target) / (other - saddle.c)});
    if (needed < best.period) best = {needed, other, value, 0};
    if (needed > 1.5 * best.period) break;
  }
  if (!std::isfinite(best.period)) throw UsageError("[LossComposition] the moments of the loss overflow");
  best.margin = 4 / saddle.c + 8 * step_ + std::min(1.5 * expected_width(saddle.c), best.period / 4);
  return best;
}

std::size_t LossComposition::points(const Saddle& saddle) const {
  return points(window(saddle));
}

std::size_t LossComposition::points(const Window& around) const {
  const double wanted = std::max(64.0, (around.period + 2 * around.margin) / step_);
  return wanted < static_cast<double>(kMostPoints) ? std::bit_ceil(static_cast<std::size_t>(std::ceil(wanted))) : kMostPoints + 1;
}

LossComposition::Law LossComposition::law(const Saddle& saddle, std::size_t largest) const {
  const Window around = window(saddle);
  const std::size_t n = points(around);
  if (n > largest)
    throw UsageError(fmt::format("[LossComposition] more than {} points are needed at step {}", largest, step_));
  const double c = saddle.c;
  const std::shared_ptr<const Fft> fft = shared_fft(n);

  Law law;
  law.step_ = step_;
  law.c_ = c;
  law.second_c_ = around.second_c;
  law.second_log_ = around.second_log;
  law.period_ = static_cast<double>(n) * step_;
  law.upper_.infinity = upper_infinity_;
  law.lower_.infinity = lower_infinity_;

  std::vector<double> re(n), im(n);
  std::vector<double> upper_re, upper_im, lower_re, lower_im;  // products of powers, one of each pair of frequencies
  double offset = 0, offset_size = 0, scale_size = 0, transform_error = 0, growth = 0;
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    const LossLattice& lattice = terms_[t].lattice;
    const double count = terms_[t].count;
    const double log_moment = tilted(lattice.upper, lattice.first, step_, c).value;
    std::fill(re.begin(), re.end(), 0.0);
    std::fill(im.begin(), im.end(), 0.0);
    double largest_exponent = 0;
    for (std::size_t i = 0; i < lattice.upper.size(); ++i) {
      if (lattice.upper[i] <= 0 && lattice.lower[i] <= 0) continue;
      const std::int64_t index = lattice.first + static_cast<std::int64_t>(i);
      const double exponent = c * (static_cast<double>(index) * step_);
      const double tilt = std::exp(std::min(exponent - log_moment, 709.0));
      largest_exponent = std::max(largest_exponent, std::abs(exponent));
      const std::size_t place = static_cast<std::size_t>(index) & (n - 1);
      re[place] += lattice.upper[i] * tilt;
      im[place] += lattice.lower[i] * tilt;
    }
    double square = 0, upper_mass = 0, lower_mass = 0;
    for (std::size_t i = 0; i < n; ++i) {
      square += re[i] * re[i] + im[i] * im[i];
      upper_mass += re[i];
      lower_mass += im[i];
    }
    const double eta = kFftRoundoff * std::log2(static_cast<double>(n)) + 2 * kRoundoff;
    transform_error += count * eta * std::sqrt(square);
    growth += count * (eta * std::sqrt(square * static_cast<double>(n)) +
                       std::max({0.0, upper_mass - 1, lower_mass - 1}) + 2 * kRoundoff * static_cast<double>(n));
    law.relative_ += count * kRoundoff * (12 + 4 * largest_exponent + 4 * std::abs(log_moment));
    law.log_scale_ += count * (log_moment + c * lattice.offset);
    scale_size += count * (std::abs(log_moment) + c * std::abs(lattice.offset));
    offset += count * lattice.offset;
    offset_size += count * std::abs(lattice.offset);
    law.upper_.shift += count * lattice.upper_shift;
    law.lower_.shift += count * lattice.lower_shift;

    fft->forward(re.data(), im.data());
    const std::size_t half = n / 2 + 1;
    if (t == 0) {
      for (auto* product : {&upper_re, &upper_im, &lower_re, &lower_im}) product->resize(half + Block::kSize);
    }
    const auto exponent = static_cast<std::uint64_t>(count);
    // Of each pair of frequencies k, n - k the one at the smaller place is kept, in the order of places.
    Block upper{}, lower{};
    std::size_t filled = 0, written = 0;
    const auto flush = [&] {
      upper.raise(exponent);
      lower.raise(exponent);
      for (std::size_t i = 0; i < filled; ++i, ++written) {
        const double a = t == 0 ? 1 : upper_re[written], b = t == 0 ? 0 : upper_im[written];
        const double d = t == 0 ? 1 : lower_re[written], e = t == 0 ? 0 : lower_im[written];
        upper_re[written] = a * upper.re[i] - b * upper.im[i];
        upper_im[written] = a * upper.im[i] + b * upper.re[i];
        lower_re[written] = d * lower.re[i] - e * lower.im[i];
        lower_im[written] = d * lower.im[i] + e * lower.re[i];
      }
      filled = 0;
    };
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t j = Fft::mirrored(i);
      if (j < i) continue;
      upper.re[filled] = (re[i] + re[j]) / 2;
      upper.im[filled] = (im[i] - im[j]) / 2;
      lower.re[filled] = (im[i] + im[j]) / 2;
      lower.im[filled] = (re[j] - re[i]) / 2;
      if (++filled == Block::kSize) flush();
    }
    if (filled > 0) flush();
  }
  std::size_t read = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t j = Fft::mirrored(i);
    if (j < i) continue;
    const double a = upper_re[read], b = upper_im[read], d = lower_re[read], e = lower_im[read];
    ++read;
    re[i] = a - e, im[i] = b + d;
    if (j != i) re[j] = a + e, im[j] = d - b;
  }
  for (auto* product : {&upper_re, &upper_im, &lower_re, &lower_im}) std::vector<double>().swap(*product);
  fft->inverse(re.data(), im.data());

  // The window: points from `start` on, in order of their losses.
  const auto start = static_cast<std::int64_t>(std::floor((saddle.epsilon - around.margin - offset) / step_));
  law.base_ = offset + static_cast<double>(start) * step_;
  law.total_shift_ = 4 * kRoundoff * (offset_size * static_cast<double>(terms_.size()) + std::abs(law.base_) + law.period_);
  double square = 0;
  for (std::size_t i = 0; i < n; ++i) square += re[i] * re[i] + im[i] * im[i];
  const double eta = kFftRoundoff * std::log2(static_cast<double>(n)) + total_ * 2.3 * kRoundoff +
                     4 * kRoundoff * static_cast<double>(terms_.size());
  const double grown = std::exp(std::min(growth, 700.0));
  const double error =
      (transform_error * grown + eta * std::sqrt(square)) / std::max(1 - eta, 0.5) * (1 + 1e-9) + 1e-130;
  // sum a(y)^2 over the lattice, a(y) = e^(-c y) (1 - e^-y): its integral over the step, and its largest term.
  const double weights =
      std::sqrt(2 / (2 * c * (2 * c + 1) * (2 * c + 2)) / step_ + 1 / ((c + 1) * (c + 1)));
  law.upper_.margin = law.lower_.margin = eta < 0.5 ? error * weights : kInfinity;
  law.relative_ += kRoundoff * (8 * static_cast<double>(n) + 4 * c * law.period_ + 64 * (4 + c * step_) + 4 * scale_size + 32) +
                   4 * kRoundoff * (std::abs(law.log_scale_) + c * std::abs(law.base_));
  law.relative_ = std::expm1(std::min(law.relative_, 700.0));

  const double fade = std::exp(-step_), gap = -std::expm1(-step_);
  for (auto [side, values] : {std::pair{&law.upper_, &re}, std::pair{&law.lower_, &im}}) {
    side->above.assign(n + 1, 0.0);
    side->excess.assign(n + 1, 0.0);
    const double weaker = std::exp(c * step_);
    double weight = 0;
    for (std::size_t j = n; j-- > 0;) {
      // Powers by multiplication, begun anew every kFresh points.
      constexpr std::size_t kFresh = 64;
      weight = j % kFresh == kFresh - 1 || j + 1 == n ? std::exp(-c * (static_cast<double>(j) * step_)) : weight * weaker;
      const std::size_t place = static_cast<std::size_t>(start + static_cast<std::int64_t>(j)) & (n - 1);
      const double mass = std::max(0.0, (*values)[place]) * weight;
      side->excess[j] = gap * side->above[j + 1] + fade * side->excess[j + 1];
      side->above[j] = side->above[j + 1] + mass;
    }
  }
  return law;
}

// sum_i f_i e^(-c (l_i - base)) (1 - e^(epsilon - l_i))_+ over the window
double LossComposition::Law::sum(const Side& side, double epsilon) const {
  const double place = std::max(0.0, (epsilon - base_) / step_);
  const double next = std::ceil(place);
  if (next >= static_cast<double>(side.above.size())) return 0;
  const auto j = static_cast<std::size_t>(next);
  const double part = std::max(0.0, base_ + next * step_ - epsilon);
  return -std::expm1(-part) * side.above[j] + std::exp(-part) * side.excess[j];
}

double LossComposition::Law::upper_delta(double epsilon) const {
  const double at = epsilon - upper_.shift - total_shift_;
  if (at < base_) return 1;  // outside the window nothing is known
  const double margin = upper_.margin * std::exp(-c_ * (at - base_));
  const double value = std::exp(log_scale_ - c_ * base_) * (sum(upper_, at) * (1 + relative_) + margin * (1 + relative_));
  const double beyond = std::exp(std::min(0.0, second_log_ - second_c_ * (base_ + period_)));
  const double total = upper_.infinity + value + beyond;
  return std::isnan(total) ? 1 : std::min(1.0, total);
}

double LossComposition::Law::lower_delta(double epsilon) const {
  const double at = epsilon + lower_.shift + total_shift_;
  if (at < base_) return 0;
  const double margin = lower_.margin * std::exp(-c_ * (at - base_));
  const double value = std::exp(log_scale_ - c_ * base_) * (sum(lower_, at) * (1 - relative_) - margin * (1 + relative_));
  const double left = std::exp(-c_ * period_) / -std::expm1(-c_ * period_);
  const double gap = (second_c_ - c_) * period_;
  const double right = std::exp(second_log_ - second_c_ * at - gap) / -std::expm1(-gap);
  // A release with infinite loss has no part in the sums, so that both add.
  const double total = lower_.infinity + std::max(0.0, value - left - right) ;
  return std::isnan(total) ? 0 : std::clamp(total, 0.0, 1.0);
}

Bracket LossComposition::Law::delta(double epsilon) const {
  const double upper = upper_delta(epsilon);
  return {std::min(lower_delta(epsilon), upper), upper};
}

Bracket LossComposition::Law::epsilon(double delta) const {
  const double end = base_ + period_;
  const double first = std::max(0.0, base_ + upper_.shift + total_shift_);
  Bracket found{0, kInfinity};
  if (upper_delta(first) <= delta) {
    found.upper = first;
  } else if (upper_.infinity < delta) {
    double low = first, high = std::max(first, end);
    if (upper_delta(high) <= delta) {
      for (int i = 0; i < 200 && high - low > 1e-15 * high; ++i) {
        const double middle = low + (high - low) / 2;
        (upper_delta(middle) <= delta ? high : low) = middle;
      }
      found.upper = high;
    }
  }
  if (lower_.infinity > delta) {
    found.lower = kInfinity;
    return found;
  }
  // Margins grow towards the ends of the window, so the search begins at the last of some points that will do.
  constexpr int kCandidates = 256;
  const double begin = std::max(0.0, base_), stride = std::max(0.0, end - begin) / kCandidates;
  int last = kCandidates;
  while (last >= 0 && !(lower_delta(begin + last * stride) > delta)) --last;
  if (last >= 0) {
    double low = begin + last * stride, high = low + stride;
    for (int i = 0; i < 200 && high - low > 1e-15 * high; ++i) {
      const double middle = low + (high - low) / 2;
      (lower_delta(middle) > delta ? low : high) = middle;
    }
    found.lower = low;
  }
  found.lower = std::min(found.lower, found.upper);
  return found;
}

}  // namespace sotto::privacy

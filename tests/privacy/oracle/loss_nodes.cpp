#include "loss_nodes.h"

#include <algorithm>
#include <cmath>

namespace sotto::oracle {

namespace {

class LossPath {
 public:
  LossPath(const Law& law, const Path& path)
      : q_(law.release.sampling_rate), sigma_(law.release.noise_multiplier), side_(law.side), path_(path) {
    if (q_ < 1) {
      odds_ = (1 - q_) / q_;
      log_odds_ = log(odds_);
    }
    bend_ = sigma_ * log_odds_ + 1 / (2 * sigma_);
  }

  void append(const Real& t, const Real& step, LossNodes& nodes) const {
    Complex u{t, path_.shift}, direction{1, 0};
    if (path_.slope > 0) {
      const Real growth = exp((t - bend_) / sigma_);
      u.im += path_.slope * sigma_ * log1p(growth);
      direction.im = path_.slope * growth / (1 + growth);
    }
    if (side_ == Side::add) u.im = -u.im, direction.im = -direction.im;
    const Complex ratio = log_ratio(u);
    Complex base = Real(-0.5) * (u * u) + log(direction);
    base.re += log(step / sqrt(2 * pi()));
    if (side_ == Side::remove) base = base + ratio;
    nodes.base.push_back(base);
    nodes.loss.push_back(side_ == Side::remove ? ratio : Complex{-ratio.re, -ratio.im});
  }

 private:
  Complex log_ratio(const Complex& u) const {
    const Complex y{(u.re - 1 / (2 * sigma_)) / sigma_, u.im / sigma_};
    if (q_ == 1) return y;
    if (y.re <= log_odds_) {
      const Complex tilt = exp(y);
      return log(Complex{1 - q_ + q_ * tilt.re, q_ * tilt.im});
    }
    const Complex rest = odds_ * exp(Complex{-y.re, -y.im});
    const Complex correction = log(Complex{1 + rest.re, rest.im});
    return {y.re + log(q_) + correction.re, y.im + correction.im};
  }

  Real q_, sigma_;
  Real odds_ = 0, log_odds_ = 0;
  Side side_;
  Path path_;
  Real bend_;
};

}  // namespace

LossNodes loss_nodes(const Law& law, const Path& path, double step, const std::vector<Stretch>& stretches) {
  const LossPath loss_path(law, path);
  LossNodes nodes;
  for (int odd = 0; odd < 2; ++odd) {
    for (const Stretch& stretch : stretches) {
      const double first = 2 * std::ceil(stretch.from / step / 2) + odd;
      for (double k = first; k * step <= stretch.to; k += 2) loss_path.append(Real(k) * Real(step), step, nodes);
    }
    if (odd == 0) nodes.even = nodes.base.size();
  }
  return nodes;
}

Moment moment(const LossNodes& nodes, const Complex& z, double nats) {
  const double re = static_cast<double>(z.re), im = static_cast<double>(z.im);
  std::vector<double> size(nodes.base.size());
  double greatest = -HUGE_VAL;
  for (size_t j = 0; j < size.size(); ++j) {
    size[j] = static_cast<double>(nodes.base[j].re) + re * static_cast<double>(nodes.loss[j].re) -
              im * static_cast<double>(nodes.loss[j].im);
    greatest = std::max(greatest, size[j]);
  }
  Complex sums[2];
  for (size_t j = 0; j < size.size(); ++j) {
    if (size[j] < greatest - nats) continue;
    Complex& sum = sums[j < nodes.even ? 0 : 1];
    sum = sum + exp(nodes.base[j] + z * nodes.loss[j]);
  }
  return {sums[0] + sums[1], static_cast<double>(modulus(sums[0] - sums[1]))};
}

}  // namespace sotto::oracle

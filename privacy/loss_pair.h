#pragma once
// A pair of distributions P, Q on a line along which the privacy loss log dP/dQ grows, and how much of each lies in an
// interval: all that a discretisation needs to know of one release.

#include <memory>
#include <vector>

namespace sotto::privacy {

struct PairMass {
  double p = 0;      // P-mass
  double q = 0;      // Q-mass
  double error = 0;  // bound of the relative error of each
};

class LossPair {
 public:
  virtual ~LossPair() = default;

  // log dP/dQ at u, not falling in u; at +-infinity its limit, which may be infinite.
  virtual double loss(double u) const = 0;
  // Its derivative at a finite u, >= 0; guides searches only.
  virtual double slope(double u) const = 0;
  // Where the loss is `value`, for a value between loss(low) and loss(high), finite.
  struct Inverse {
    double u;
    double error;  // |loss(u) - value| is at most this
  };
  virtual Inverse inverse(double value, double low, double high) const = 0;
  // Bound of the absolute error of loss(u), u finite.
  virtual double loss_error(double u) const = 0;
  // Both masses of [a, b], a < b, ends may be infinite.
  virtual PairMass mass(double a, double b) const = 0;
  // Points beyond which at most `tail` of P lies, on the left and on the right.
  virtual double left_cut(double tail) const = 0;
  virtual double right_cut(double tail) const = 0;
  // Somewhere in the bulk of P.
  virtual double centre() const = 0;
};

// sum_i weight_i N(shift_i, sd^2) against another sum of that kind, where no shift of the second is above one of the
// first: then the ratio of densities grows. In units of sd.
class GaussianMixturePair : public LossPair {
 public:
  struct Component {
    double shift;   // finite
    double weight;  // in (0, 1]; weights sum to 1 but for rounding
  };
  using Mixture = std::vector<Component>;

  GaussianMixturePair(Mixture p, Mixture q);

  // The same experiment with P and Q exchanged and the line turned round.
  GaussianMixturePair exchanged() const;

  double loss(double u) const override;
  double slope(double u) const override;
  Inverse inverse(double value, double low, double high) const override;
  double loss_error(double u) const override;
  PairMass mass(double a, double b) const override;
  double left_cut(double tail) const override;
  double right_cut(double tail) const override;
  double centre() const override;

 private:
  Inverse inverse_by_search(double value, double low, double high) const;

  Mixture p_, q_;  // in the order of their shifts
};

// The part of the loss of Laplace noise of scale b (sensitivity 1) that has a density, u being the loss itself: losses
// between -1/b and 1/b, P-density e^(u/2 - 1/(2b)) / 4.
class LaplacePair : public LossPair {
 public:
  explicit LaplacePair(double scale) : end_(1 / scale) {}

  double loss(double u) const override;
  double slope(double) const override { return 1; }
  Inverse inverse(double value, double, double) const override { return {value, 0}; }
  double loss_error(double) const override { return 0; }
  PairMass mass(double a, double b) const override;
  double left_cut(double) const override { return -end_; }
  double right_cut(double) const override { return end_; }
  double centre() const override { return 0; }

 private:
  double end_;
};

}  // namespace sotto::privacy

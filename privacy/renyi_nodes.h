#pragma once
// Renyi divergence of two densities on the line at any number of orders, from nodes that are computed once.
//
//   D_a(P||Q) = log A / (a - 1),   A - 1 = E_Q[g(L)],   L = log dP/dQ,   g(L) = expm1(a L) - a expm1(L) >= 0,
//
// because E_Q[dP/dQ] = 1: nothing cancels, and the result is never negative. Both densities are mixtures of normal
// densities of unit variance in u, so the integrand is analytic in a strip and the trapezoidal rule over the whole line
// converges geometrically (Trefethen and Weideman, SIAM Review 2014). One exponential per node and order.
//
// Relative error as stated for subsampled_gaussian_rdp (rdp.h), of which this is the fast form.

#include <functional>
#include <optional>
#include <vector>

namespace sotto::privacy {

class RenyiNodes {
 public:
  struct Value {
    double log_weight;  // of Q's density, times sqrt(2 pi)
    double log_ratio;   // L
  };
  struct Pair {
    std::function<Value(double u)> at;
    // Largest slope of L, i.e. the largest distance between two centres: the nearest branch point of L is pi / slope
    // away from the real axis, and bounds the step by 0.45 / steepness. Finite, > 0.
    double steepness;
    // Negative powers of a mixture grow off the real axis and want a smaller step (0.25) than positive ones (0.4).
    double largest_step;
    // At order a the mass of the integrand lies between low + low_per_order * a and high + high_per_order * a, up to
    // ten standard deviations, which are added here.
    double low, low_per_order, high, high_per_order;
  };

  // Not thread-safe: nodes are made when an order first needs them.
  explicit RenyiNodes(Pair pair);

  // 1 <= order < infinity, 1 being the Kullback-Leibler limit. Nothing when the order needs too many nodes.
  std::optional<double> divergence(double order);

 private:
  struct Node {
    double log_weight, log_ratio;
    double weight;         // e^log_weight
    double tilted_weight;  // e^(log_weight + log_ratio), P's density
    double loss;           // weight - tilted_weight, without cancellation
  };
  // Nodes at 0, step, 2 step, ... and at -step, -2 step, ...
  struct Side {
    std::vector<Node> nodes;
    int first, last;  // those that the order in question needs
  };
  void extend(Side& side, double sign, int offset);

  Pair pair_;
  double step_;
  Side right_, left_;
};

// Pairs, noise multiplier >= kSmallestQuadratureNoise, 0 < sampling_rate < 1, in units of the clip norm:
// (1 - q) N(0, s^2) + q N(1, s^2) against N(0, s^2), and the reverse.
RenyiNodes::Pair removal_pair(double sampling_rate, double noise_multiplier);
RenyiNodes::Pair addition_pair(double sampling_rate, double noise_multiplier);
// (1 - q) N(0, s^2) + q N(1, s^2) against (1 - q) N(0, s^2) + q N(-1, s^2): one record replaced by another under
// Poisson sampling. It dominates every pair of gradients, and by reflection it is its own reverse.
RenyiNodes::Pair replacement_pair(double sampling_rate, double noise_multiplier);
// sum_i p_i N(c_i, s^2) against N(0, s^2) and the reverse, c_i >= 0 the sensitivities, of which one is above 0.
RenyiNodes::Pair mixture_removal_pair(double standard_deviation, std::vector<double> sensitivities,
                                      std::vector<double> probabilities);
RenyiNodes::Pair mixture_addition_pair(double standard_deviation, std::vector<double> sensitivities,
                                       std::vector<double> probabilities);

}  // namespace sotto::privacy

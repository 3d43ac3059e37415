#pragma once
// From Renyi divergence to (epsilon, delta).
//
// A mechanism with D_a <= rdp for one order a > 1 is (epsilon, delta)-DP for each of
//
//   standard   epsilon = rdp + log((a-1)/a) - (log delta + log a)/(a-1)
//              Balle, Barthe, Gaboardi, Hsu, Sato, AISTATS 2020, theorem 21; Canonne, Kamath, Steinke, NeurIPS 2020
//   asoodeh    epsilon = log(1 + (e^((a-1) rdp) - 1)/(a delta))/(a-1)
//              Asoodeh, Liao, Calmon, Kosut, Sankar, ISIT 2020, second branch; better for very small losses
//   classic    epsilon = rdp + log(1/delta)/(a-1)
//              Mironov, CSF 2017; only to reproduce published tables
//
// and so for the least of them over all orders. Results are raised by a bound on their own rounding, so that they are
// upper bounds whenever `rdp` is one; never negative, never NaN. An rdp of zero is never taken as a proof that epsilon
// is zero.

#include <functional>

namespace sotto::privacy {

enum class Conversion { standard, asoodeh, classic };

// Epsilon at one order > 1 (finite), 0 < delta < 1, rdp >= 0 or infinite. UsageError otherwise.
double epsilon_at_order(double rdp, double order, double delta, Conversion conversion);
// Delta at one order, epsilon >= 0; at most 1. `standard` and `asoodeh` only.
double delta_at_order(double rdp, double order, double epsilon, Conversion conversion);

// The RDP of a mechanism as a function of the order.
using RdpCurve = std::function<double(double order)>;

// Orders searched: order - 1 from 1e-3 to 1e5, continuously (order_search.h). Every order gives a valid bound, so an
// imperfect search costs tightness and never validity.
inline constexpr double kSmallestOrderMinusOne = 1e-3;
inline constexpr double kLargestOrderMinusOne = 1e5;

// Least epsilon over the orders, taking the better of `standard` and `asoodeh`. 0 < delta < 1.
double epsilon_from_rdp(const RdpCurve& rdp, double delta);
// The same with `classic` alone.
double epsilon_from_rdp_classic(const RdpCurve& rdp, double delta);
// Least delta over the orders, at most 1. epsilon >= 0, finite.
double delta_from_rdp(const RdpCurve& rdp, double epsilon);

}  // namespace sotto::privacy

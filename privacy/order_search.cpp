#include <sotto/privacy/conversion.h>
#include <sotto/privacy/order_search.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>

namespace sotto::privacy {
namespace {

constexpr int kPoints = 41;
constexpr int kMaxRefinements = 40;
constexpr double kTolerance = 3e-6;  // of log(order - 1): about 1e-11 of the bound
constexpr double kHuge = 1e300;      // keeps infinities out of the parabolas

class OrderSearch {
 public:
  OrderSearch(const std::function<double(double)>& rdp, const std::function<double(double, double)>& bound)
      : rdp_(rdp), bound_(bound) {
    const double low = std::log(kSmallestOrderMinusOne);
    width_ = (std::log(kLargestOrderMinusOne) - low) / (kPoints - 1);
    for (int i = 0; i < kPoints; ++i) points_[i] = {low + width_ * i, order_at(low + width_ * i), 0, kHuge, false};
  }

  double least() {
    scan();
    if (least_ >= kHuge) return std::numeric_limits<double>::infinity();
    // The best point first: what it leads to rules out most of the others.
    refine(best_);
    const int done = best_;
    for (int i = 0; i < kPoints; ++i) {
      if (i == done || !points_[i].known || !is_local_minimum(i) || optimistic(i) >= least_) continue;
      if (i > 0 && !points_[i - 1].known) evaluate(i - 1);
      if (optimistic(i) < least_) refine(i);
    }
    return least_;
  }

 private:
  struct Point {
    double log_order_m1, order, rdp, value;
    bool known;
  };

  static double order_at(double log_order_m1) { return 1 + std::exp(log_order_m1); }
  double value_of(double rdp, double order) const { return std::clamp(bound_(rdp, order), -kHuge, kHuge); }

  // A bound from below of the divergence at `order`, which is at least that of point i: (order - 1) D is convex, so the
  // line through the last two known points not above i lies below it.
  double floor_at(double order, int i) const {
    while (i >= 0 && !points_[i].known) --i;
    if (i < 0) return 0;
    const Point& upper = points_[i];
    for (--i; i >= 0 && !points_[i].known;) --i;
    if (i < 0 || upper.rdp >= kHuge) return upper.rdp;
    const Point& lower = points_[i];
    const double slope = ((upper.order - 1) * upper.rdp - (lower.order - 1) * lower.rdp) / (upper.order - lower.order);
    return std::max(upper.rdp, ((upper.order - 1) * upper.rdp + slope * (order - upper.order)) / (order - 1));
  }

  // Returns whether the point is the best so far.
  bool evaluate(int i) {
    Point& point = points_[i];
    point.rdp = rdp_(point.order);
    point.value = value_of(point.rdp, point.order);
    point.known = true;
    if (point.value >= least_) return false;
    least_ = point.value;
    best_ = i;
    return true;
  }

  // The unknown point that would be best if the curve went on as a line through the origin, from the last known point
  // below; none when no unknown point can be better than the best known.
  std::optional<int> most_promising() const {
    std::optional<int> best;
    double promise = 0, slope = 0;
    for (int i = 0; i < kPoints; ++i) {
      const Point& point = points_[i];
      if (point.known) {
        slope = point.rdp / point.order;
        continue;
      }
      if (value_of(floor_at(point.order, i), point.order) >= least_) continue;
      const double expected = value_of(slope * point.order, point.order);
      if (best && expected >= promise) continue;
      promise = expected;
      best = i;
    }
    return best;
  }
  // The middle one of the unknown points that could still be best.
  std::optional<int> middle_candidate() const {
    std::array<int, kPoints> candidates;
    std::size_t count = 0;
    for (int i = 0; i < kPoints; ++i)
      if (!points_[i].known && value_of(floor_at(points_[i].order, i), points_[i].order) < least_)
        candidates[count++] = i;
    if (count == 0) return std::nullopt;
    return candidates[count / 2];
  }

  void scan() {
    // The divergence at the smallest order is a floor for all others. Large orders are the dearer ones, and beyond a
    // jump of the curve they are useless: they are approached in leaps of at most four times the order.
    constexpr int kModerate = 20, kLeap = 3;
    evaluate(0);
    int reach = kModerate;
    for (auto next = most_promising(); next;) {
      const int i = std::min(*next, reach);
      reach = std::max(reach, i + kLeap);
      next = evaluate(i) ? most_promising() : middle_candidate();
    }
  }

  bool is_local_minimum(int i) const {
    const auto above = [&](int j) { return j < 0 || j >= kPoints || points_[j].value >= points_[i].value; };
    return above(i - 1) && above(i + 1);
  }
  // A bound from below of what refining at point i can find.
  double optimistic(int i) const {
    const double order = points_[std::min(i + 1, kPoints - 1)].order;
    return value_of(floor_at(order, std::max(i - 1, 0)), order);
  }

  double at(double log_order_m1) {
    const double order = order_at(log_order_m1);
    const double value = value_of(rdp_(order), order);
    least_ = std::min(least_, value);
    return value;
  }

  // Brent's minimisation between the neighbours of point i, begun with what is known of them.
  void refine(int i) {
    constexpr double kGolden = 0.3819660112501051;
    const Point& middle = points_[i];
    double low = points_[std::max(i - 1, 0)].log_order_m1, high = points_[std::min(i + 1, kPoints - 1)].log_order_m1;
    double x = middle.log_order_m1, fx = middle.value;
    double w = x, fw = fx, v = x, fv = fx;
    for (const int j : {i - 1, i + 1}) {
      if (j < 0 || j >= kPoints || !points_[j].known) continue;
      v = w;
      fv = fw;
      w = points_[j].log_order_m1;
      fw = points_[j].value;
    }
    double move = high - low, before = move;
    for (int iteration = 0; iteration < kMaxRefinements; ++iteration) {
      const double centre = (low + high) / 2;
      if (std::abs(x - centre) <= 2 * kTolerance - (high - low) / 2) return;
      const double r = (x - w) * (fx - fv), q0 = (x - v) * (fx - fw);
      double p = (x - v) * q0 - (x - w) * r, q = 2 * (q0 - r);
      if (q > 0) p = -p;
      q = std::abs(q);
      double step;
      if (std::abs(p) < std::abs(q * before / 2) && p > q * (low - x) && p < q * (high - x)) {
        step = p / q;
        // A parabola through three close points that moves no further has found its minimum.
        if (std::abs(step) < kTolerance && std::max(std::abs(x - w), std::abs(x - v)) < 0.05) return;
      } else {
        step = kGolden * (x < centre ? high - x : low - x);
      }
      if (std::abs(step) < kTolerance) step = x < centre ? kTolerance : -kTolerance;
      before = move;
      move = step;
      const double u = x + step, fu = at(u);
      if (fu <= fx) {
        (u < x ? high : low) = x;
        v = w, fv = fw;
        w = x, fw = fx;
        x = u, fx = fu;
      } else {
        (u < x ? low : high) = u;
        if (fu <= fw || w == x) {
          v = w, fv = fw;
          w = u, fw = fu;
        } else if (fu <= fv || v == x || v == w) {
          v = u, fv = fu;
        }
      }
    }
  }

  const std::function<double(double)>& rdp_;
  const std::function<double(double, double)>& bound_;
  double width_;
  std::array<Point, kPoints> points_;
  double least_ = kHuge;
  int best_ = 0;
};

}  // namespace

double least_over_orders(const std::function<double(double)>& rdp, const std::function<double(double, double)>& bound) {
  return OrderSearch(rdp, bound).least();
}

}  // namespace sotto::privacy

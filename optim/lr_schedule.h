#pragma once
// Learning-rate schedules: what a base rate is multiplied by in each step. They follow from the plan alone.

#include <cstdint>
#include <string>
#include <vector>

namespace sotto::optim {

class LrSchedule {
 public:
  enum class Shape {
    constant,  // 1
    linear,    // from 1 in the first step after the warm-up down to 1 / (steps - warm-up) in the last
    cosine,    // (1 + cos(pi x)) / 2, where x is the share of the steps after the warm-up that were taken
  };

  // In step t < warmup, counted from 0, the factor is (t + 1) / (warmup + 1) instead. steps >= 1, 0 <= warmup < steps;
  // throws UsageError otherwise.
  LrSchedule(Shape shape, int64_t steps, int64_t warmup = 0);

  // "constant", "linear", "cosine". Throws UsageError for another name.
  static Shape shape_of(const std::string& name);

  // Of step t, 0 <= t < steps: above 0, at most 1. Throws UsageError for another step.
  double factor(int64_t t) const;

 private:
  Shape shape_;
  int64_t steps_, warmup_;
};

}  // namespace sotto::optim

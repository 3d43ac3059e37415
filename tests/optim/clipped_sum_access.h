#pragma once
// Opens a ClippedSum for tests of what holds before noise is added. Nothing outside tests/ may include this.

#include <sotto/optim/clipped_sum.h>

namespace sotto::optim {

struct ClippedSumTestAccess {
  static const std::vector<at::Tensor>& values(const ClippedSum& sum) { return sum.sums_; }
  static double unit(const ClippedSum& sum) { return sum.unit_; }
  static std::optional<double> count(const ClippedSum& sum) { return sum.count_; }
  static ClippedSum make(std::vector<at::Tensor> values, double sensitivity) {
    return {std::move(values), sensitivity};
  }
  static ClippedSum counted(std::vector<at::Tensor> values, double unit, double count) {
    return {std::move(values), 1, unit, count};
  }
};

}  // namespace sotto::optim

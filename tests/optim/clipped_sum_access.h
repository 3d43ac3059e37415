#pragma once
// Opens a ClippedSum for tests of what holds before noise is added. Nothing outside tests/ may include this.

#include <sotto/optim/clipped_sum.h>

namespace sotto::optim {

struct ClippedSumTestAccess {
  static const std::vector<at::Tensor>& values(const ClippedSum& sum) { return sum.sums_; }
  static ClippedSum make(std::vector<at::Tensor> values, double sensitivity) {
    return {std::move(values), sensitivity};
  }
};

}  // namespace sotto::optim

#pragma once
// The weighted sum of the per-record gradients of one logical batch, together with the bound S on what one record can
// change in it. It holds private data: the only thing that can be done with one is GaussianMechanism::release or, with
// that of a single record, to round it into a LatticeSum.

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace sotto::optim {

class ClippedSum {
 public:
  ClippedSum(ClippedSum&&) noexcept = default;
  ClippedSum& operator=(ClippedSum&&) noexcept = default;
  ClippedSum(const ClippedSum&) = delete;  // a sum is released once
  ClippedSum& operator=(const ClippedSum&) = delete;

  // S: adding or removing one record changes the sum by at most this much in Euclidean norm, over all parameters, in
  // units of the clip norm where the rule is adaptive.
  double sensitivity() const { return sensitivity_; }

 private:
  friend class Clipper;            // makes one
  friend class GaussianMechanism;  // consumes one
  friend class LatticeSum;         // takes those of single records onto the lattice
  // Reads sums in tests of what must be true before noise. Declared so that it can be a friend; the library defines no
  // such type, and defining one is as visible in a review as calling backward() by hand.
  friend struct ClippedSumTestAccess;

  ClippedSum(std::vector<at::Tensor> sums, double sensitivity) : sums_(std::move(sums)), sensitivity_(sensitivity) {}
  ClippedSum(std::vector<at::Tensor> sums, double sensitivity, double unit, double count)
      : sums_(std::move(sums)), sensitivity_(sensitivity), unit_(unit), count_(count) {}

  std::vector<at::Tensor> sums_;  // in the order of the tape's parameters
  double sensitivity_;
  double unit_ = 1;                // of the sensitivity: the clip norm of the step, where the rule is adaptive
  std::optional<double> count_{};  // there: the sum of [norm <= clip norm] - 1/2, which one record moves by 1/2 at most
};

}  // namespace sotto::optim

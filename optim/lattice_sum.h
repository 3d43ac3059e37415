#pragma once
// The exact sum of the integer vectors of a logical batch (lattice_rounding.h): what a ClippedSum is to the ordinary
// release. It holds private data, and the only thing that can be done with one is LatticeMechanism::release.
//
// Every record is run on its own, one after the other, because a batch of several may round a record's gradient in a
// way that depends on the others.
//
// Sums in 64 bits: an entry of one record is at most D = 2^22 in size, so that kMostLatticeRecords = 2^40 of them stay
// within 2^62, and with noise below 2^42 (privacy/discrete_gaussian.h) within 63 bits.

#include <sotto/optim/clipper.h>

#include <cstdint>
#include <vector>

namespace sotto::optim {

inline constexpr std::int64_t kMostLatticeRecords = std::int64_t{1} << 40;

class LatticeSum {
 public:
  // Of no record, for the clipper's parameters and the bound of its rule. The clipper must run records on their own
  // (Fallback::per_record).
  explicit LatticeSum(const Clipper& clipper);
  LatticeSum(LatticeSum&&) noexcept = default;
  LatticeSum& operator=(LatticeSum&&) noexcept = default;
  LatticeSum(const LatticeSum&) = delete;  // a sum is released once
  LatticeSum& operator=(const LatticeSum&) = delete;

  // Adds every record of a physical batch of which active[i] is not false, weighted by the clipper that this sum was
  // made for, and rounded. A record whose gradient is not finite adds nothing. Throws what the clipper throws; the sum
  // is then of a part of the batch, and to be thrown away.
  void add(Clipper& clipper, const std::vector<at::Tensor>& inputs, const Losses& losses,
           const std::vector<bool>& active);

  // S: adding or removing one record changes the sum by a vector of integers of norm at most D, which stand for at most
  // S.
  double sensitivity() const { return sensitivity_; }

 private:
  friend class LatticeMechanism;       // consumes one
  friend struct LatticeSumTestAccess;  // as ClippedSumTestAccess

  void add_record(ClippedSum&& of_one);

  std::vector<NamedParameter> parameters_;
  double sensitivity_;
  std::vector<std::int64_t> integers_;  // of all parameters, one after the other
  std::int64_t records_ = 0;
  std::vector<double> values_;  // of one record, while it is added
  std::vector<std::int64_t> rounded_;
};

}  // namespace sotto::optim

#include <fmt/format.h>
#include <sotto/optim/lattice_rounding.h>
#include <sotto/optim/lattice_sum.h>
#include <sotto/optim/one_record.h>
#include <sotto/privacy/error.h>

#include <algorithm>

namespace sotto::optim {

LatticeSum::LatticeSum(const Clipper& clipper)
    : parameters_(clipper.parameters()), sensitivity_(clipper.rule().sensitivity()) {
  std::size_t elements = 0;
  for (const NamedParameter& parameter : parameters_) elements += static_cast<std::size_t>(parameter.tensor.numel());
  integers_.resize(elements);
  values_.resize(elements);
  rounded_.resize(elements);
}

void LatticeSum::add(Clipper& clipper, const std::vector<at::Tensor>& inputs, const Losses& losses,
                     const std::vector<bool>& active) {
  SOTTO_ASSERT(clipper.rule().sensitivity() == sensitivity_ && clipper.parameters().size() == parameters_.size());
  for (int64_t i = 0; i < inputs.at(0).size(0); ++i) {
    if (!active.empty() && !active.at(static_cast<std::size_t>(i))) continue;
    clipper.add(one_record(inputs, i), losses, {});
    add_record(clipper.take());
  }
}

void LatticeSum::add_record(ClippedSum&& of_one) {
  const ClippedSum owned = std::move(of_one);
  SOTTO_ASSERT(owned.sensitivity() == sensitivity_ && records_ < kMostLatticeRecords);
  auto place = values_.begin();
  for (const at::Tensor& tensor : owned.sums_) {
    const at::Tensor flat = tensor.to(at::kDouble).contiguous();  // exact: sums are float or double
    const double* values = flat.const_data_ptr<double>();
    place = std::copy(values, values + flat.numel(), place);
  }
  SOTTO_ASSERT(place == values_.end());
  round_to_lattice(values_, sensitivity_, rounded_);
  for (std::size_t j = 0; j < integers_.size(); ++j) integers_[j] += rounded_[j];
  ++records_;
}

}  // namespace sotto::optim

#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <sotto/kernels/record_weights.h>
#include <sotto/optim/clipper.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/one_record.h>
#include <sotto/optim/sum_dtype.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace sotto::optim {

Clipper::Clipper(std::vector<NamedParameter> parameters, std::vector<at::Tensor> constants, WeightRule rule,
                 std::vector<size_t> groups, TapeOptions options)
    : tape_(std::move(parameters), std::move(constants), std::move(groups), options),
      rule_(std::move(rule)),
      clip_norm_(rule_.clip_norm()),
      phase_ended_(options.phase_ended),
      device_(options.device),
      one_by_one_(options.fallback == Fallback::per_record) {
  if (device_.has_table() && tape_.group_count() > kernels::kMostWeightGroups) {
    throw UsageError(fmt::format("[Clipper] the parameters are in {} groups; on a device there must be at most {}",
                                 tape_.group_count(), kernels::kMostWeightGroups));
  }
  if (static_cast<size_t>(rule_.group_count()) != tape_.group_count()) {
    throw UsageError(fmt::format("[Clipper] the weight rule has {} clip norm(s) and the parameters are in {} group(s)",
                                 rule_.group_count(), tape_.group_count()));
  }
}

void Clipper::discard() {
  sums_.clear();
  count_ = 0;
}

void Clipper::set_clip_norm(double clip_norm) {
  SOTTO_ASSERT(rule_.adaptive_clipping() && sums_.empty() && std::isfinite(clip_norm) && clip_norm > 0);
  clip_norm_ = clip_norm;
}

void Clipper::add(const std::vector<at::Tensor>& inputs, const Losses& losses, const std::vector<bool>& active) {
  try {
    one_by_one_ ? add_one_by_one(inputs, losses, active) : add_weighted(inputs, losses, active);
  } catch (...) {
    discard();  // a sum over a part of the batch must not be taken for one over the whole
    throw;
  }
}

void Clipper::add_weighted(const std::vector<at::Tensor>& inputs, const Losses& losses,
                           const std::vector<bool>& active) {
  const FullPrecision full_precision;
  PerRecordGradients gradients = tape_.run(inputs, losses, active);
  const at::Tensor weights = weights_of(gradients, active);
  sums_.resize(tape_.parameters().size());
  gradients.add_weighted(weights, sums_);
  if (rule_.adaptive_clipping()) add_count(gradients.squared_norms(), active);
  if (phase_ended_) phase_ended_("weighted sum");
}

at::Tensor Clipper::weights_of(const PerRecordGradients& gradients, const std::vector<bool>& active) const {
  const SquaredNorms& norms = gradients.squared_norms();
  const auto records = static_cast<size_t>(gradients.batch());
  at::Tensor flags;
  if (!active.empty()) {
    flags = at::empty({gradients.batch()}, at::kByte);
    std::copy(active.begin(), active.end(), flags.mutable_data_ptr<std::uint8_t>());
    flags = device_.copy_of(flags);
  }
  at::Tensor weights = at::empty(norms.computed.sizes(), norms.computed.options().dtype(at::kFloat));
  const std::vector<kernels::WeightFormula> formulas = rule_.at(clip_norm_).formulas();
  const double* computed = norms.computed.const_data_ptr<double>();
  const double* slack = norms.slack.const_data_ptr<double>();
  const std::uint8_t* flag = flags.defined() ? flags.const_data_ptr<std::uint8_t>() : nullptr;
  float* result = weights.mutable_data_ptr<float>();
  if (!device_.has_table()) {
    kernels::record_weights(formulas, computed, slack, flag, records, result);
    return weights;
  }
  device_.run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
    table.record_weights(formulas, computed, slack, flag, records, result, stream, kernels::kDeviceBlock);
  });
  return weights;
}

// Of the same bounds of the norms as the weights.
void Clipper::add_count(const SquaredNorms& norms, const std::vector<bool>& active) {
  SOTTO_ASSERT(!device_.has_table() && !rule_.per_group());
  const double* computed = norms.computed.const_data_ptr<double>();
  const double* slack = norms.slack.const_data_ptr<double>();
  for (size_t i = 0; i < static_cast<size_t>(norms.computed.numel()); ++i) {
    const double norm = kernels::record_norm_bound(computed[i], slack[i]);
    if ((active.empty() || active[i]) && std::isfinite(norm)) count_ += norm <= clip_norm_ ? 0.5 : -0.5;
  }
}

// The rows of a single record are in memory at a time.
void Clipper::add_one_by_one(const std::vector<at::Tensor>& inputs, const Losses& losses,
                             const std::vector<bool>& active) {
  for (int64_t i = 0; i < inputs.at(0).size(0); ++i) {
    if (!active.empty() && !active.at(static_cast<size_t>(i))) continue;
    add_weighted(one_record(inputs, i), losses, {});
  }
}

ClippedSum Clipper::take() {
  sums_.resize(tape_.parameters().size());
  for (size_t p = 0; p < sums_.size(); ++p) {
    const at::Tensor& parameter = tape_.parameters()[p].tensor;
    if (!sums_[p].defined()) sums_[p] = zero_sum(parameter);
  }
  if (!rule_.adaptive_clipping()) return {std::exchange(sums_, {}), rule_.sensitivity()};
  return {std::exchange(sums_, {}), rule_.sensitivity(), clip_norm_, std::exchange(count_, 0)};
}

}  // namespace sotto::optim

#include <fmt/format.h>
#include <sotto/optim/clipper.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/one_record.h>
#include <sotto/optim/sum_dtype.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <utility>

namespace sotto::optim {

Clipper::Clipper(std::vector<NamedParameter> parameters, std::vector<at::Tensor> constants, WeightRule rule,
                 std::vector<size_t> groups, TapeOptions options)
    : tape_(std::move(parameters), std::move(constants), std::move(groups), options),
      rule_(std::move(rule)),
      phase_ended_(options.phase_ended),
      one_by_one_(options.fallback == Fallback::per_record) {
  if (static_cast<size_t>(rule_.group_count()) != tape_.group_count()) {
    throw UsageError(fmt::format("[Clipper] the weight rule has {} clip norm(s) and the parameters are in {} group(s)",
                                 rule_.group_count(), tape_.group_count()));
  }
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
  std::vector<std::vector<float>> weights(tape_.group_count());
  for (size_t group = 0; group < weights.size(); ++group) {
    weights[group].resize(static_cast<size_t>(gradients.batch()), 0.0f);
  }
  for (int64_t i = 0; i < gradients.batch(); ++i) {
    if (!active.empty() && !active[static_cast<size_t>(i)]) continue;
    bool finite = true;
    for (size_t group = 0; group < weights.size(); ++group)
      finite = finite && std::isfinite(gradients.norm_bound(group, i));
    // A record with a gradient that is not finite in any group is left out of all: half a record has no meaning.
    if (!finite) continue;
    for (size_t group = 0; group < weights.size(); ++group) {
      weights[group][static_cast<size_t>(i)] =
          rule_.weight(gradients.norm_bound(group, i), static_cast<int64_t>(group));
    }
  }
  sums_.resize(tape_.parameters().size());
  gradients.add_weighted(weights, sums_);
  if (phase_ended_) phase_ended_("weighted sum");
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
  return {std::exchange(sums_, {}), rule_.sensitivity()};
}

}  // namespace sotto::optim

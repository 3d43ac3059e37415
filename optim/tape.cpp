#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full_like.h>
#include <fmt/format.h>
#include <sotto/optim/backward_pass.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/held_bytes.h>
#include <sotto/optim/measured_costs.h>
#include <sotto/optim/recomputed_segment.h>
#include <sotto/optim/sum_dtype.h>
#include <sotto/optim/tape.h>
#include <sotto/optim/without_autocast.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace sotto::optim {
namespace {

// The backward pass may reach the segments of a recording while this lives.
class OpenSegments {
 public:
  OpenSegments(Recording& recording, const SegmentPass& pass) : recording_(recording) { set(pass); }
  ~OpenSegments() { set({}); }
  OpenSegments(const OpenSegments&) = delete;
  OpenSegments& operator=(const OpenSegments&) = delete;

 private:
  void set(const SegmentPass& pass) {
    for (const auto& segment : recording_.segments) segment->pass = pass;
  }
  Recording& recording_;
};

int64_t default_memory(int64_t left_behind, const std::vector<NamedParameter>& parameters) {
  int64_t of_parameters = 0;
  for (const NamedParameter& parameter : parameters) of_parameters += sum_bytes(parameter.tensor);
  return std::max(left_behind, of_parameters) / 5 * 6;
}

}  // namespace

Tape::Tape(std::vector<NamedParameter> parameters, std::vector<at::Tensor> constants, std::vector<size_t> groups,
           TapeOptions options)
    : parameters_(std::move(parameters)),
      constants_(std::move(constants)),
      groups_(std::move(groups)),
      options_(options) {
  if (parameters_.empty()) throw UsageError("[Tape] the model has no trainable parameter");
  if (!(options_.loss_scale > 0.0) || !std::isfinite(options_.loss_scale)) {
    throw UsageError(fmt::format("[Tape] the loss scale is not a positive number: {}", options_.loss_scale));
  }
  if (options_.memory_bytes < 0)
    throw UsageError(fmt::format("[Tape] memory_bytes: {}; must be 0 or more", options_.memory_bytes));
  check_costs(options_.costs);
  if (groups_.empty()) groups_.assign(parameters_.size(), 0);
  if (groups_.size() != parameters_.size()) {
    throw UsageError(fmt::format("[Tape] groups must name one group per parameter: got {} for {} parameters",
                                 groups_.size(), parameters_.size()));
  }
  for (size_t group : groups_) group_count_ = std::max(group_count_, group + 1);
  std::set<const c10::TensorImpl*> seen;
  for (const NamedParameter& parameter : parameters_) {
    const at::Tensor& tensor = parameter.tensor;
    if (!tensor.defined() || !tensor.is_leaf() || !tensor.requires_grad()) {
      throw UsageError(fmt::format("[Tape] parameter {} must be a leaf tensor that requires grad", parameter.name));
    }
    if (tensor.device() != options_.device.where()) {
      throw UsageError(fmt::format("[Tape] parameter {} is on device {}: the step was asked for on {}", parameter.name,
                                   tensor.device().str(), options_.device.where().str()));
    }
    if (!has_sums(tensor.scalar_type())) {
      throw UsageError(fmt::format("[Tape] parameter {} has dtype {}: must be Float, Double, Half or BFloat16",
                                   parameter.name, c10::toString(tensor.scalar_type())));
    }
    if (!seen.insert(tensor.unsafeGetTensorImpl()).second) {
      throw UsageError(fmt::format("[Tape] parameter {} is listed twice", parameter.name));
    }
  }
  include_generator_of(options_.device.where());
}

PerRecordGradients Tape::run(const std::vector<at::Tensor>& inputs,
                             const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                             const std::vector<bool>& active) {
  if (options_.fallback == Fallback::per_record) return run_one_by_one(inputs, losses, active);
  return run_recorded(inputs, losses, active, /*recompute=*/true);
}

PerRecordGradients Tape::run_recorded(const std::vector<at::Tensor>& inputs,
                                      const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                                      const std::vector<bool>& active, bool recompute) {
  const FullPrecision full_precision;
  PerRecordGradients result;
  result.parameters_ = &parameters_;
  result.groups_ = &groups_;
  result.group_count_ = group_count_;
  result.options_ = &options_;
  result.device_ = options_.device.on_current_stream();
  int64_t left_behind = 0;
  {
    const HeldBytes held;
    at::AutoGradMode with_gradients(true);
    result.recording_ = record(
        parameters_, constants_, inputs, [&] { return losses(inputs); }, recompute);
    left_behind = held.bytes();
    if (!held.counts())
      result.recording_.notes.insert(
          "under LibTorch's profiler the forward pass is planned for as if it held no memory: strategies may differ");
  }
  const auto ended = [&](std::string_view phase) {
    if (options_.phase_ended) options_.phase_ended(phase);
  };
  ended("forward");
  const WithoutAutocast without_autocast;
  Recording& recording = result.recording_;
  result.batch_ = recording.batch;

  at::NoGradGuard no_grad;
  at::Tensor seed = at::full_like(recording.losses, options_.loss_scale, at::TensorOptions().device(at::kCPU));
  if (!active.empty()) {
    if (static_cast<int64_t>(active.size()) != recording.batch) {
      throw UsageError(
          fmt::format("[Tape] the inputs hold {} records: {} were asked for", recording.batch, active.size()));
    }
    for (size_t i = 0; i < active.size(); ++i) {
      if (!active[i]) seed[static_cast<int64_t>(i)].zero_();
    }
  }
  seed = result.device_.copy_of(seed);
  torch::autograd::edge_list anchors;
  for (const auto& segment : recording.segments) anchors.push_back(segment->anchor);
  result.expect_uses(options_.memory_bytes > 0 ? options_.memory_bytes : default_memory(left_behind, parameters_),
                     left_behind);
  {
    const OpenSegments open(recording, {&parameters_, &constants_, options_.loss_scale, result.device_});
    run_backward(recording, parameters_, options_.loss_scale, result.device_,
                 {torch::autograd::impl::gradient_edge(recording.losses)}, {seed}, anchors,
                 [&](size_t use) { result.use_bound(use); });
  }
  recording.losses.reset();
  for (const auto& segment : recording.segments) {
    const size_t first = recording.uses.size();
    append(recording, std::move(segment->recording), parameters_.size());
    result.add_uses(first);
  }
  recording.segments.clear();
  result.settle_all();
  ended("backward and norms");
  return result;
}

}  // namespace sotto::optim

// What the recorder does with segments that are recomputed (checkpoint.h).

#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/recomputed_segment.h>
#include <sotto/optim/recorder_state.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/variable.h>

namespace sotto::optim {
namespace {

// While it lives, operators are none of the model's.
class Unobserved {
 public:
  explicit Unobserved(int& ignoring) : ignoring_(ignoring) { ++ignoring_; }
  ~Unobserved() { --ignoring_; }
  Unobserved(const Unobserved&) = delete;
  Unobserved& operator=(const Unobserved&) = delete;

 private:
  int& ignoring_;
};

std::vector<at::Tensor> differentiable(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> result;
  for (const at::Tensor& tensor : tensors) {
    if (tensor.requires_grad()) result.push_back(tensor);
  }
  return result;
}

}  // namespace

std::vector<at::Tensor> Recorder::run_segment(const Segment& segment, const std::vector<at::Tensor>& inputs) {
  if (!recompute_ || error_ || !at::GradMode::is_enabled()) return segment(inputs);
  const auto state = std::make_shared<RecomputedSegment>();
  const auto node = c10::make_intrusive<SegmentNode>(state);
  const std::set<std::string> notes = recording_.notes;
  const KnownNodes outside = nodes_;
  const size_t uses = recording_.uses.size();
  std::vector<at::Tensor> own;
  {
    const Unobserved unobserved(ignoring_);
    state->segment = segment;
    state->batch = recording_.batch;
    state->generator = generator_state();
    at::autocast::clear_cache();
    for (const at::Tensor& input : inputs) {
      const Tracked tracked = tensors_.classify(input, "checkpoint");
      if (tracked.kind == Tracked::Kind::parameter) {
        throw UsageError(
            fmt::format("[checkpoint] input {} of the segment is made of parameter {} alone: let the segment "
                        "use the parameter itself",
                        own.size(), recording_.expressions[tracked.expression].parameter_names));
      }
      own.push_back(input.detach().requires_grad_(input.requires_grad()));
      tensors_.track(own.back(), tracked);
      state->inputs.push_back({SavedTensor(input), input.requires_grad(), tracked});
      if (input.requires_grad()) node->add_next_edge(torch::autograd::impl::gradient_edge(input));
    }
    const at::Tensor anchor = at::empty({0}, at::kFloat).requires_grad_(true);
    state->anchor = torch::autograd::impl::gradient_edge(anchor);
    node->add_next_edge(state->anchor);
  }
  std::vector<at::Tensor> results;
  {
    recompute_ = false;
    struct Again {
      bool& recompute;
      ~Again() { recompute = true; }
    } again{recompute_};
    results = segment(own);
  }
  if (error_) return results;
  const Unobserved unobserved(ignoring_);
  at::autocast::clear_cache();
  state->parameters = check_graph(differentiable(results), parameters_, recording_.expressions, nodes_);
  for (size_t r = 0; r < results.size(); ++r) results[r] = end_of_segment(results[r], state, r, node);
  recording_.uses.erase(recording_.uses.begin() + static_cast<std::ptrdiff_t>(uses), recording_.uses.end());
  recording_.segments.push_back(state);
  recording_.notes = notes;
  recording_.notes.insert("segments recomputed in the backward pass");
  nodes_ = outside;
  for (const at::Tensor& input : differentiable(own))
    nodes_.ends.push_back(torch::autograd::impl::gradient_edge(input));
  return results;
}

// The result as the rest of the model sees it: a tensor of its own whose gradient goes to the segment's node.
at::Tensor Recorder::end_of_segment(const at::Tensor& output, const std::shared_ptr<RecomputedSegment>& state,
                                    size_t index, const c10::intrusive_ptr<torch::autograd::Node>& node) {
  if (!output.defined()) throw UsageError(fmt::format("[checkpoint] result {} of the segment is undefined", index));
  const Tracked tracked = tensors_.classify(output, "checkpoint");
  if (tracked.kind == Tracked::Kind::parameter) {
    throw UsageError(
        fmt::format("[checkpoint] result {} of the segment is made of parameter {} alone: compute it outside", index,
                    recording_.expressions[tracked.expression].parameter_names));
  }
  if (!output.requires_grad()) return output;
  SOTTO_ASSERT(tracked.kind == Tracked::Kind::records);
  state->outputs.push_back({index, output.sizes().vec(), output.scalar_type(), tracked.position});
  at::Tensor end = output.detach();
  torch::autograd::create_gradient_edge(end, node);
  tensors_.track(end, tracked);
  return end;
}

Recording Recorder::run_segment_again(const RecomputedSegment& state, const std::vector<at::Tensor>& inputs,
                                      std::vector<at::Tensor>& outputs) {
  watch([&] { outputs = state.segment(inputs); });
  for (const RecomputedSegment::Output& before : state.outputs) {
    const bool there = before.index < outputs.size() && outputs[before.index].defined();
    const Tracked* now = there ? tensors_.find(outputs[before.index]) : nullptr;
    if (!now || now->kind != Tracked::Kind::records || now->position != before.position ||
        !outputs[before.index].requires_grad() || outputs[before.index].sizes() != before.sizes ||
        outputs[before.index].scalar_type() != before.dtype) {
      throw UsageError(
          fmt::format("[checkpoint] result {} of the segment was another one when it was computed again: it must be a "
                      "function of its inputs, parameters, constants and the default generator alone",
                      before.index));
    }
  }
  for (const LastingTensor& tensor : lasting_) tensor.check_unchanged();
  check_graph(differentiable(outputs), parameters_, recording_.expressions, nodes_);
  return std::move(recording_);
}

}  // namespace sotto::optim

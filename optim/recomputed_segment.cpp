#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <sotto/optim/backward_pass.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/recomputed_segment.h>
#include <sotto/optim/recorder_state.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>

namespace sotto::optim {
namespace {

using torch::autograd::variable_list;

variable_list inputs_again(const RecomputedSegment& state) {
  variable_list inputs;
  for (const RecomputedSegment::Input& input : state.inputs)
    inputs.push_back(input.tensor.get().detach().requires_grad_(input.requires_grad));
  return inputs;
}

}  // namespace

variable_list SegmentNode::apply(variable_list&& gradients) {
  RecomputedSegment& state = *state_;
  variable_list result(num_outputs());
  if (std::none_of(gradients.begin(), gradients.end(), [](const at::Tensor& g) { return g.defined(); })) return result;
  if (state.pass.parameters == nullptr)
    throw UsageError(
        "[checkpoint] a segment is computed again once, in the backward pass of the tape that recorded it");
  const SegmentPass pass = std::exchange(state.pass, {});
  const variable_list inputs = inputs_again(state);
  variable_list outputs;
  {
    const at::AutoGradMode with_gradients(true);
    const GeneratorState generator_now;
    set_generator_state(state.generator);
    const RestoredAutocast autocast(state.autocast);
    Recorder recorder(*pass.parameters, *pass.constants, state.batch);
    for (size_t i = 0; i < inputs.size(); ++i) recorder.track(inputs[i], state.inputs[i].tracked);
    state.recording = recorder.run_segment_again(state, inputs, outputs);
  }
  torch::autograd::edge_list roots, further;
  variable_list seeds;
  for (size_t o = 0; o < state.outputs.size(); ++o) {
    if (!gradients[o].defined()) continue;
    roots.push_back(torch::autograd::impl::gradient_edge(outputs[state.outputs[o].index]));
    seeds.push_back(gradients[o]);
  }
  for (const at::Tensor& input : inputs) {
    if (input.requires_grad()) further.push_back(torch::autograd::impl::gradient_edge(input));
  }
  const variable_list captured = run_backward(state.recording, *pass.parameters, pass.loss_scale, pass.device, roots,
                                              seeds, further, [](size_t) {});
  std::copy(captured.begin(), captured.end(), result.begin());
  state.inputs.clear();
  state.segment = nullptr;
  return result;
}

void append(Recording& whole, Recording part, size_t parameter_count) {
  const size_t shift = whole.expressions.size() - parameter_count;
  const auto moved = [&](size_t expression) { return expression < parameter_count ? expression : expression + shift; };
  for (size_t e = parameter_count; e < part.expressions.size(); ++e) {
    part.expressions[e].source = moved(part.expressions[e].source);
    whole.expressions.push_back(std::move(part.expressions[e]));
  }
  for (RecordedUse& use : part.uses) {
    use.expression = moved(use.expression);
    whole.uses.push_back(std::move(use));
  }
  whole.notes.merge(part.notes);
}

}  // namespace sotto::optim

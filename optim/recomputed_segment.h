#pragma once
// A segment of a recorded model (checkpoint.h) between its two runs, and the autograd node that stands for it in the
// graph meanwhile. Part of the tape, not for users.

#include <sotto/optim/autocast_state.h>
#include <sotto/optim/checkpoint.h>
#include <sotto/optim/recorder.h>
#include <sotto/optim/saved_tensor.h>
#include <sotto/optim/step_device.h>
#include <sotto/optim/tracked_tensors.h>
#include <torch/csrc/autograd/function.h>

#include <memory>
#include <set>
#include <vector>

namespace sotto::optim {

// What the second run needs to know of the tape whose backward pass reaches it.
struct SegmentPass {
  const std::vector<NamedParameter>* parameters = nullptr;
  const std::vector<at::Tensor>* constants = nullptr;
  double loss_scale = 1.0;
  StepDevice device = {};
};

struct RecomputedSegment {
  struct Input {
    SavedTensor tensor;
    bool requires_grad = false;
    Tracked tracked;
  };
  struct Output {
    size_t index = 0;  // in the segment's result
    std::vector<int64_t> sizes;
    at::ScalarType dtype = at::kFloat;
    BatchPosition position;
  };

  Segment segment;
  std::vector<Input> inputs;
  std::vector<Output> outputs;  // those that gradients flow back from
  std::set<size_t> parameters;  // that the outputs depend on
  int64_t batch = 0;
  at::Tensor generator;  // state of the default generator before the segment ran
  AutocastState autocast;
  torch::autograd::Edge anchor;  // asked for in the backward pass, so that the engine runs the node
  SegmentPass pass;              // set while the tape's backward pass runs
  Recording recording;           // of the second run, its uses bound; empty when no gradient arrived
};

class SegmentNode : public torch::autograd::Node {
 public:
  explicit SegmentNode(std::shared_ptr<RecomputedSegment> state) : state_(std::move(state)) {}
  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override;
  std::string name() const override { return "sotto::SegmentNode"; }
  const RecomputedSegment& state() const { return *state_; }

 private:
  std::shared_ptr<RecomputedSegment> state_;
};

// Moves the uses of a segment behind those of the whole model.
void append(Recording& whole, Recording part, size_t parameter_count);

}  // namespace sotto::optim

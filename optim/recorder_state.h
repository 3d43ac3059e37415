#pragma once
// The state of one recording and what happens before and after every operator. Part of the recorder, not for users.

#include <ATen/record_function.h>
#include <sotto/optim/checkpoint.h>
#include <sotto/optim/graph_check.h>
#include <sotto/optim/lasting_tensor.h>
#include <sotto/optim/operator_catalogue.h>
#include <sotto/optim/recorder.h>
#include <sotto/optim/run_table.h>
#include <sotto/optim/tracked_tensors.h>
#include <sotto/optim/without_onednn.h>

#include <exception>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

namespace sotto::optim {

class Recorder {
 public:
  // `batch` is the number of records, >= 2.
  Recorder(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants, int64_t batch,
           Explanation* explanation = nullptr);
  // Before the run: a tensor that it begins with.
  void track(const at::Tensor& tensor, const Tracked& tracked) { tensors_.track(tensor, tracked); }

  Recording run(const std::function<at::Tensor()>& model, bool recompute);

  // That of this thread, while its model runs; else nullptr.
  static Recorder* active() { return active_; }
  // nullptr for a tensor that was never seen.
  const Tracked* find(const at::Tensor& tensor) const { return tensors_.find(tensor); }
  // First run of a segment, within run(): its graph ends at its inputs and is forgotten.
  std::vector<at::Tensor> run_segment(const Segment& segment, const std::vector<at::Tensor>& inputs);
  // Second run, of a recorder that runs nothing else. Throws UsageError when the results are not those of the first.
  Recording run_segment_again(const RecomputedSegment& state, const std::vector<at::Tensor>& inputs,
                              std::vector<at::Tensor>& outputs);

 private:
  struct Frame : at::ObserverContext {
    bool ignored = false;               // nested inside an operator that is handled as a whole
    bool varying_target = false;        // in place: the target held another value for every place of the batch
    bool assumed = false;               // refused, and taken for one that keeps records apart
    std::vector<int64_t> target_shape;  // sizes and strides of the target of an in-place operator, before it ran
    std::optional<WithoutOnednn> unrolled;
    const OperatorInfo* info = nullptr;
    OperatorCall call;
    // Autograd nodes of the arguments before the operator ran (an in-place operator replaces its argument's).
    Nodes argument_nodes;
    // Keep those nodes: the one of a parameter lives only while it is held.
    std::vector<torch::autograd::Edge> argument_edges;
  };

  static std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function);
  static void on_end(const at::RecordFunction& function, at::ObserverContext* context);
  void start(const at::RecordFunction& function, Frame& frame);
  void end(const at::RecordFunction& function, Frame& frame);

  bool read_repeated_rows_as_records(Frame& frame) const;
  void handle_batch_free(Frame& frame);
  void handle_records(Frame& frame);
  static void check_positions(const OperatorCall& call, const OutputPositions& positions);
  static void check_shape_kept(const Frame& frame);
  void check_in_place(const OperatorCall& call, const at::Tensor& output, const std::optional<BatchPosition>& position);
  bool uniform_target(const OperatorCall& call) const;
  void note_uses(Frame& frame, const OutputPositions& positions);
  void note_use(Frame& frame, const OutputPositions& positions, size_t argument, size_t element, size_t expression);
  bool note_low_rank_uses(const Frame& frame, BatchPosition position, size_t argument, size_t expression);
  static void mark_made(const Frame& frame, const at::Tensor& output, Nodes& marked);
  void keep_error(const Frame& frame, const std::exception_ptr& error);
  void watch(const std::function<void()>& model);
  at::Tensor end_of_segment(const at::Tensor& output, const std::shared_ptr<RecomputedSegment>& state, size_t index,
                            const c10::intrusive_ptr<torch::autograd::Node>& node);
  void refused(Frame& frame, const Refusal& refusal);
  void problem(Frame& frame, const std::string& text);
  void assume_apart(Frame& frame);
  void check_result();

  static thread_local Recorder* active_;

  const std::vector<NamedParameter>& parameters_;
  Explanation* explanation_;
  Recording recording_;
  std::vector<LastingTensor> lasting_;
  TrackedTensors tensors_;
  RunTable table_{tensors_, recording_.expressions, explanation_};
  OperatorCatalogue operators_;
  KnownNodes nodes_;
  bool recompute_ = false;  // segments, that is
  int ignoring_ = 0;
  std::exception_ptr error_;
  bool assumed_ = false;  // something was refused, and the explanation goes on
};

}  // namespace sotto::optim

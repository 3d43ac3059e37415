#pragma once
// The state of one recording and what happens before and after every operator. Part of the recorder, not for users.

#include <ATen/record_function.h>
#include <sotto/optim/lasting_tensor.h>
#include <sotto/optim/operator_catalogue.h>
#include <sotto/optim/recorder.h>
#include <sotto/optim/run_table.h>
#include <sotto/optim/tracked_tensors.h>
#include <sotto/optim/verdict_cache.h>
#include <sotto/optim/without_onednn.h>

#include <exception>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

namespace sotto::optim {

class Recorder {
 public:
  Recorder(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
           const std::vector<at::Tensor>& inputs, VerdictCache* cache, Explanation* explanation);

  Recording run(const std::function<at::Tensor()>& model);

 private:
  struct Frame : at::ObserverContext {
    bool ignored = false;         // nested inside an operator that is handled as a whole
    bool varying_target = false;  // in place: the target held another value for every place of the batch
    bool assumed = false;         // refused, and taken for one that keeps records apart
    std::optional<WithoutOnednn> unrolled;
    const OperatorInfo* info = nullptr;
    OperatorCall call;
    // Autograd nodes of the arguments before the operator ran (an in-place operator replaces its argument's).
    std::unordered_set<const torch::autograd::Node*> argument_nodes;
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
  void check_in_place(const OperatorCall& call, const at::Tensor& output, const std::optional<BatchPosition>& position);
  bool uniform_target(const OperatorCall& call) const;
  void note_uses(Frame& frame, const OutputPositions& positions);
  void note_use(Frame& frame, const OutputPositions& positions, size_t argument, size_t element, size_t expression);
  using Nodes = std::unordered_set<const torch::autograd::Node*>;
  static void mark_made(const Frame& frame, const at::Tensor& output, Nodes& marked);
  OutputPositions verdict(const Frame& frame);
  void keep_error(const Frame& frame, const std::exception_ptr& error);
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
  VerdictCache* cache_;
  OperatorCatalogue operators_;
  // Nodes that may lead to a trainable parameter: those of recorded uses and of expressions made of parameters alone.
  Nodes known_consumers_;
  Nodes vouched_;  // made by operators with a registered rule
  int ignoring_ = 0;
  int64_t operators_seen_ = 0;
  std::exception_ptr error_;
  bool assumed_ = false;  // something was refused, and the explanation goes on
};

}  // namespace sotto::optim

#include <ATen/record_function.h>
#include <fmt/format.h>
#include <sotto/optim/graph_check.h>
#include <sotto/optim/lasting_tensor.h>
#include <sotto/optim/operator_catalogue.h>
#include <sotto/optim/recorder.h>
#include <sotto/optim/tracked_tensors.h>
#include <sotto/optim/without_onednn.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <optional>
#include <unordered_set>

namespace sotto::optim {

namespace {

class Recorder {
 public:
  Recorder(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
           const std::vector<at::Tensor>& inputs);

  Recording run(const std::function<at::Tensor()>& model);

 private:
  struct Frame : at::ObserverContext {
    bool ignored = false;         // nested inside an operator that is handled as a whole
    bool varying_target = false;  // in place: the target held another value for every place of the batch
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
  void mark_known(const Frame& frame, const at::Tensor& output);
  std::string names_of(const OperatorCall& call) const;

  static thread_local Recorder* active_;

  const std::vector<NamedParameter>& parameters_;
  Recording recording_;
  std::vector<LastingTensor> lasting_;
  TrackedTensors tensors_;
  OperatorCatalogue operators_;
  // Nodes that may lead to a trainable parameter: those of recorded uses and of expressions made of parameters alone.
  std::unordered_set<const torch::autograd::Node*> known_consumers_;
  int ignoring_ = 0;
  std::exception_ptr error_;
};

thread_local Recorder* Recorder::active_ = nullptr;

Recorder::Recorder(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                   const std::vector<at::Tensor>& inputs)
    : parameters_(parameters) {
  for (const at::Tensor& constant : constants) {
    tensors_.track(constant, {Tracked::Kind::constant, {}, 0, true});
    lasting_.push_back({"a buffer or constant of sizes " + sizes_text(constant.sizes()), constant});
  }
  for (size_t p = 0; p < parameters.size(); ++p) {
    const at::Tensor& tensor = parameters[p].tensor;
    recording_.expressions.push_back({tensor, {p}, parameters[p].name, p, ElementMap(tensor.sizes())});
    tensors_.track(tensor, {Tracked::Kind::parameter, {}, p});
    lasting_.push_back({"parameter " + parameters[p].name, tensor});
  }
  for (const at::Tensor& input : inputs) {
    if (!input.defined() || input.dim() == 0)
      throw UsageError("[Tape] an input that carries records needs at least one dimension");
    if (recording_.batch != 0 && input.size(0) != recording_.batch) {
      throw UsageError(
          fmt::format("[Tape] inputs disagree on the number of records: {} and {}", recording_.batch, input.size(0)));
    }
    recording_.batch = input.size(0);
    tensors_.track(input, {Tracked::Kind::records, {0, 1, 1}, 0});
  }
  if (recording_.batch < 2) {
    throw UsageError(fmt::format(
        "[Tape] a batch needs at least two places: got {}. Pad it with a copy that is not active", recording_.batch));
  }
}

std::unique_ptr<at::ObserverContext> Recorder::on_start(const at::RecordFunction& function) {
  auto frame = std::make_unique<Frame>();
  active_->start(function, *frame);
  return frame;
}

void Recorder::on_end(const at::RecordFunction& function, at::ObserverContext* context) {
  active_->end(function, *static_cast<Frame*>(context));
}

// Exceptions must not leave a RecordFunction callback (LibTorch would only log them): the first one is kept and thrown
// when the model has returned.
void Recorder::start(const at::RecordFunction& function, Frame& frame) {
  if (ignoring_ > 0 || error_) {
    frame.ignored = true;
    ++ignoring_;
    return;
  }
  try {
    if (!function.operator_name()) return;  // a named block of the program: followed into its parts
    frame.info = &operators_.of(function);
    bool records = false;
    for (const c10::IValue& argument : function.inputs()) {
      if (may_hide_tensors(argument)) {
        throw UsageError(
            fmt::format("[Tape] operator {} takes an argument of kind {}, and what it holds cannot be "
                        "followed; allowed are tensors, lists of tensors, numbers and text",
                        frame.info->name, argument.tagKind()));
      }
      for_each_tensor(argument, [&](const at::Tensor& tensor) {
        if (tensors_.classify(tensor, frame.info->name).kind == Tracked::Kind::records) records = true;
        if (tensor.requires_grad()) {
          frame.argument_edges.push_back(torch::autograd::impl::gradient_edge(tensor));
          frame.argument_nodes.insert(frame.argument_edges.back().function.get());
        }
      });
    }
    if (records && !frame.info->transfer && frame.info->composite && !frame.info->out_variant) {
      if (frame.info->fused_by_onednn) {
        frame.unrolled.emplace();
        recording_.notes.insert(frame.info->name + " unrolled (oneDNN's fused layer off)");
      }
      frame.info = nullptr;  // followed into its parts
      return;
    }
    frame.call.name = frame.info->name;
    frame.call.in_place = frame.info->in_place;
    frame.call.overload = function.overload_name();
    frame.call.batch = recording_.batch;
    frame.call.arguments.assign(function.inputs().begin(), function.inputs().end());
    frame.call.position_of = [this](const at::Tensor& tensor) -> std::optional<BatchPosition> {
      const Tracked* tracked = tensors_.find(tensor);
      if (!tracked || tracked->kind != Tracked::Kind::records) return std::nullopt;
      return tracked->position;
    };
    if (frame.info->out_variant && !names_of(frame.call).empty()) {
      throw UsageError(fmt::format("[Tape] operator {} writes to an argument{}. Use the form that returns its result",
                                   frame.info->name, names_of(frame.call)));
    }
    if (records && (!frame.info->transfer || frame.info->out_variant)) {
      throw UsageError(
          fmt::format("[Tape] operator {} has no rule that says whether it keeps records apart{}. Express it through "
                      "other operators, or add a transfer rule for it in optim/transfer_*.cpp",
                      frame.info->name, names_of(frame.call)));
    }
    ++ignoring_;  // its parts need no look of their own
    if (records && frame.info->in_place) frame.varying_target = !uniform_target(frame.call);
  } catch (...) {
    error_ = std::current_exception();
    frame.ignored = true;
    ++ignoring_;
  }
}

// Whether the target of an in-place operator holds records, or the same value for every record.
bool Recorder::uniform_target(const OperatorCall& call) const {
  if (call.position(0) || call.name == "aten::copy") return true;
  bool uniform = true;
  for (size_t a = 1; a < call.arguments.size(); ++a) {
    if (auto position = call.position(a)) {
      position->dim += call.tensor(0).dim() - call.tensor(a).dim();
      uniform = uniform && same_for_every_record(call.tensor(0), *position, call.batch);
    }
  }
  return uniform;
}

void Recorder::end(const at::RecordFunction& function, Frame& frame) {
  if (!frame.ignored && frame.info == nullptr) return;
  // Operators that the rules themselves call are none of the model's: ignored until this operator is done with.
  struct Done {
    int& count;
    ~Done() { --count; }
  } done{ignoring_};
  if (frame.ignored || error_) return;
  if (frame.info->returns && function.outputs().empty()) return;  // it threw, and LibTorch says why
  try {
    for (const c10::IValue& output : function.outputs()) {
      for_each_tensor(output, [&](const at::Tensor& tensor) { frame.call.outputs.push_back(tensor); });
    }
    bool records = false;
    for (const c10::IValue& argument : frame.call.arguments) {
      for_each_tensor(argument, [&](const at::Tensor& tensor) { records = records || frame.call.position_of(tensor); });
    }
    if (!records) records = read_repeated_rows_as_records(frame);
    records ? handle_records(frame) : handle_batch_free(frame);
  } catch (const Refusal& refusal) {
    error_ = std::make_exception_ptr(
        UsageError(fmt::format("[Tape] operator {} {}{}", frame.info->name, refusal.reason, names_of(frame.call))));
  } catch (...) {
    error_ = std::current_exception();
  }
}

// A first state of a recurrent layer is the same for every record: a constant, or an expanded parameter. Its product
// with a weight is followed as if these equal rows were records, which claims less about them than is known, so that
// the steps after it can be added to it. True when `frame` is such a product; its positions then say so.
bool Recorder::read_repeated_rows_as_records(Frame& frame) const {
  OperatorCall& call = frame.call;
  const bool product = call.name == "aten::linear" || call.name == "aten::mm" || call.name == "aten::addmm";
  if (!product) return false;
  const size_t row_argument = call.name == "aten::addmm" ? 1 : 0;
  const Tracked* weight = tensors_.find(call.tensor(row_argument + 1));
  const at::Tensor& rows = call.tensor(row_argument);
  const Tracked* of_rows = tensors_.find(rows);
  if (!weight || !of_rows || weight->kind != Tracked::Kind::parameter) return false;
  const BatchPosition in_front{0, 1, 1};
  const bool repeated =
      of_rows->kind == Tracked::Kind::parameter
          ? repeats_rows(rows, recording_.expressions[of_rows->expression], call.batch)
          : rows.dim() == 2 && rows.size(0) == call.batch && same_for_every_record(rows, in_front, call.batch);
  if (!repeated) return false;
  call.position_of = [known = call.position_of, rows, in_front](const at::Tensor& tensor) {
    return tensor.is_same(rows) ? std::optional(in_front) : known(tensor);
  };
  return true;
}

// "; it is applied to parameter a, b" when trainable parameters are among the arguments.
std::string Recorder::names_of(const OperatorCall& call) const {
  std::string names;
  for (const c10::IValue& argument : call.arguments) {
    for_each_tensor(argument, [&](const at::Tensor& tensor) {
      const Tracked* tracked = tensors_.find(tensor);
      if (!tracked || tracked->kind != Tracked::Kind::parameter) return;
      names += (names.empty() ? "" : ", ") + recording_.expressions[tracked->expression].parameter_names;
    });
  }
  return names.empty() ? "" : " (it is applied to parameter " + names + ")";
}

void Recorder::handle_batch_free(Frame& frame) {
  const OperatorCall& call = frame.call;
  std::vector<size_t> operands;
  for (const c10::IValue& argument : call.arguments) {
    for_each_tensor(argument, [&](const at::Tensor& tensor) {
      const Tracked* tracked = tensors_.find(tensor);
      if (tracked && tracked->kind == Tracked::Kind::parameter) operands.push_back(tracked->expression);
    });
  }
  if (call.in_place && !operands.empty() && tensors_.find(call.tensor(0))->kind == Tracked::Kind::parameter) {
    throw Refusal{"changes a parameter while the model runs"};
  }
  for (const at::Tensor& output : call.outputs) {
    if (tensors_.find(output) && !call.in_place) continue;  // an argument handed through
    if (operands.empty() || !output.requires_grad()) {
      tensors_.track(output, {Tracked::Kind::constant, {}, 0});
      continue;
    }
    ParameterExpression expression = expression_of(call, output, operands, recording_.expressions);
    mark_known(frame, output);
    recording_.expressions.push_back(std::move(expression));
    tensors_.track(output, {Tracked::Kind::parameter, {}, recording_.expressions.size() - 1});
  }
}

void Recorder::handle_records(Frame& frame) {
  OperatorCall& call = frame.call;
  const OutputPositions positions = frame.info->transfer(call);
  SOTTO_ASSERT(positions.size() == call.outputs.size());
  for (size_t o = 0; o < call.outputs.size(); ++o) {
    if (call.in_place) check_in_place(call, call.outputs[o], positions[o]);
    if (positions[o]) {
      tensors_.track(call.outputs[o], {Tracked::Kind::records, *positions[o], 0});
    } else {
      tensors_.track(call.outputs[o], {Tracked::Kind::constant, {}, 0});
    }
  }
  if (frame.varying_target) refuse_varying();
  note_uses(frame, positions);
}

void Recorder::check_in_place(const OperatorCall& call, const at::Tensor& output,
                              const std::optional<BatchPosition>& position) {
  if (call.position(0)) {
    // transpose_ moves the dimensions of the tensor, not what it holds.
    const bool moved = call.name == "aten::transpose" || call.name == "aten::t";
    if (!moved && call.position(0) != position) throw Refusal{"writes records over records in another order"};
    return;
  }
  const Tracked* target = tensors_.find(output);
  if (target && target->kind == Tracked::Kind::parameter) throw Refusal{"writes records into a parameter"};
  const bool owned = !(target && target->outlives) && !output.is_view() && output.storage().use_count() == 1;
  if (!owned) {
    throw Refusal{
        "writes records into a buffer, or into a part of a tensor that carried none; build the tensor with cat or "
        "stack instead"};
  }
}

// The autograd nodes that the operator made: those between its output and its arguments.
void Recorder::mark_known(const Frame& frame, const at::Tensor& output) {
  std::vector<const torch::autograd::Node*> open = {output.grad_fn().get()};
  while (!open.empty()) {
    const torch::autograd::Node* node = open.back();
    open.pop_back();
    if (node == nullptr || frame.argument_nodes.contains(node) || !known_consumers_.insert(node).second) continue;
    for (const torch::autograd::Edge& edge : node->next_edges()) open.push_back(edge.function.get());
  }
}

void Recorder::note_uses(Frame& frame, const OutputPositions& positions) {
  const OperatorCall& call = frame.call;
  for (size_t a = 0; a < call.arguments.size(); ++a) {
    size_t element = 0;
    for_each_tensor(call.arguments[a], [&](const at::Tensor& tensor) {
      const Tracked* tracked = tensors_.find(tensor);
      if (tracked && tracked->kind == Tracked::Kind::parameter) {
        note_use(frame, positions, a, element, tracked->expression);
      }
      ++element;
    });
  }
}

void Recorder::note_use(Frame& frame, const OutputPositions& positions, size_t argument, size_t element,
                        size_t expression) {
  const OperatorCall& call = frame.call;
  SOTTO_ASSERT(!call.outputs.empty());
  const at::Tensor& output = call.outputs[0];
  if (!output.requires_grad()) return;  // detached, or gradient switched off: no gradient reaches the parameter
  // The gradient of the whole tensor would not pass through the node of the part.
  if (call.in_place && output.is_view()) throw Refusal{"writes into a view of a tensor; use the out-of-place operator"};
  MadeUse made;
  if (!(call.in_place && argument == 0) && positions[0]) {
    made = make_parameter_use(call, argument, element, *positions[0]);
  }
  const ParameterExpression& consumed = recording_.expressions[expression];
  if (!made.use) {
    throw UsageError(
        fmt::format("[Tape] parameter {} is consumed by operator {} (argument {}), which has no per-record "
                    "gradient rule there. {}",
                    consumed.parameter_names, call.name, argument, kRegisterHint));
  }
  std::optional<ElementMap> map = consumed.map;
  if (made.replicated) map = consumed.map.of_one_record(*made.replicated, call.batch);
  if (!map) {
    throw Refusal{
        "uses a parameter with one entry per place in the batch, so that a record's gradient depends on its place"};
  }
  const torch::autograd::Edge edge = torch::autograd::impl::gradient_edge(output);
  mark_known(frame, output);
  recording_.uses.push_back({call.name, expression, std::move(*map), edge, std::move(made.use)});
}

Recording Recorder::run(const std::function<at::Tensor()>& model) {
  if (active_ != nullptr) throw UsageError("[Tape] the losses start another recording; one runs at a time");
  struct Session {
    explicit Session(Recorder* recorder) {
      active_ = recorder;
      handle = at::addThreadLocalCallback(at::RecordFunctionCallback(&Recorder::on_start, &Recorder::on_end)
                                              .needsInputs(true)
                                              .needsOutputs(true)
                                              .scopes({at::RecordScope::FUNCTION}));
    }
    ~Session() {
      at::removeCallback(handle);
      active_ = nullptr;
    }
    at::CallbackHandle handle;
  };
  {
    Session session(this);
    // An optimised TorchScript graph replaces operators by nodes of its own from its second run on.
    const torch::jit::GraphOptimizerEnabledGuard as_written(false);
    try {
      recording_.losses = model();
    } catch (...) {
      // A refused operator often makes the model fail later on: the refusal is the reason.
      if (!error_) throw;
    }
  }
  if (error_) std::rethrow_exception(error_);
  for (const LastingTensor& tensor : lasting_) tensor.check_unchanged();
  const Tracked* tracked = recording_.losses.defined() ? tensors_.find(recording_.losses) : nullptr;
  check_losses(recording_.losses, tracked && tracked->kind == Tracked::Kind::records ? &tracked->position : nullptr,
               recording_.batch);
  check_graph(recording_.losses, parameters_, recording_.expressions, known_consumers_);
  return std::move(recording_);
}

}  // namespace

Recording record(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                 const std::vector<at::Tensor>& inputs, const std::function<at::Tensor()>& model) {
  return Recorder(parameters, constants, inputs).run(model);
}

}  // namespace sotto::optim

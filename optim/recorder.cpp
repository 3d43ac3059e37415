#include <fmt/format.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/graph_check.h>
#include <sotto/optim/memory.h>
#include <sotto/optim/observed_values.h>
#include <sotto/optim/problems.h>
#include <sotto/optim/recorded_lstm.h>
#include <sotto/optim/recorder_state.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

namespace sotto::optim {

thread_local Recorder* Recorder::active_ = nullptr;

Recorder::Recorder(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                   int64_t batch, Explanation* explanation)
    : parameters_(parameters), explanation_(explanation), lasting_(lasting_tensors(parameters, constants)) {
  split_recorded_lstm();
  recording_.batch = batch;
  for (const at::Tensor& constant : constants) tensors_.track(constant, {Tracked::Kind::constant, {}, 0, true});
  for (size_t p = 0; p < parameters.size(); ++p) {
    const at::Tensor& tensor = parameters[p].tensor;
    recording_.expressions.push_back({tensor, {p}, parameters[p].name, p, ElementMap(tensor.sizes())});
    tensors_.track(tensor, {Tracked::Kind::parameter, {}, p});
  }
}

namespace {

std::vector<int64_t> shape_of(const at::Tensor& tensor) {
  std::vector<int64_t> shape = tensor.sizes().vec();
  shape.insert(shape.end(), tensor.strides().begin(), tensor.strides().end());
  return shape;
}

// These move the dimensions of the tensor, not what it holds, and their rules follow that.
bool moves_dimensions(const OperatorCall& call) {
  return call.name == "aten::transpose" || call.name == "aten::t";
}

}  // namespace

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
    frame.call.name = frame.info->name;
    bool records = false;
    for (const c10::IValue& argument : observed_inputs(function)) {
      if (may_hide_tensors(argument)) throw UsageError(hidden_argument_text(frame.info->name, argument));
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
        recording_.notes.insert(frame.info->name + " taken apart (oneDNN's fused layer off)");
      }
      frame.info = nullptr;  // followed into its parts
      return;
    }
    frame.call.in_place = frame.info->in_place;
    frame.call.overload = function.overload_name();
    frame.call.batch = recording_.batch;
    const auto arguments = observed_inputs(function);
    frame.call.arguments.assign(arguments.begin(), arguments.end());
    frame.call.position_of = [this](const at::Tensor& tensor) -> std::optional<BatchPosition> {
      const Tracked* tracked = tensors_.find(tensor);
      if (!tracked || tracked->kind != Tracked::Kind::records) return std::nullopt;
      return tracked->position;
    };
    if (frame.info->out_variant && !table_.names_of(frame.call).empty()) {
      throw UsageError(fmt::format("[Tape] operator {} writes to an argument{}. Use the form that returns its result",
                                   frame.info->name, table_.names_of(frame.call)));
    }
    if (records && (!frame.info->transfer || frame.info->out_variant)) {
      const std::string text = fmt::format(
          "[Tape] operator {} has no rule that says whether it keeps records apart{}{}. Express it through "
          "other operators, register a rule for it (optim/custom_rule.h), or have every record run alone, "
          "which is slow (fallback per-record)",
          frame.info->name, table_.names_of(frame.call), table_.place_of(frame.call));
      if (!explanation_ || frame.info->out_variant) throw UsageError(text);
      problem(frame, text);
    }
    ++ignoring_;  // its parts need no look of their own
    if (frame.info->in_place && frame.call.has_tensor(0)) frame.target_shape = shape_of(frame.call.tensor(0));
    if (records && frame.info->in_place) frame.varying_target = !uniform_target(frame.call);
  } catch (...) {
    keep_error(frame, std::current_exception());
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
  if (frame.info->returns && observed_outputs(function).empty()) return;  // it threw, and LibTorch says why
  try {
    for (const c10::IValue& output : observed_outputs(function)) {
      for_each_tensor(output, [&](const at::Tensor& tensor) {
        clear_if_uninitialised(frame.info->name, tensor);
        frame.call.outputs.push_back(tensor);
      });
    }
    check_shape_kept(frame);
    if (frame.assumed) return assume_apart(frame);
    bool records = false;
    for (const c10::IValue& argument : frame.call.arguments) {
      for_each_tensor(argument, [&](const at::Tensor& tensor) { records = records || frame.call.position_of(tensor); });
    }
    if (!records) records = read_repeated_rows_as_records(frame);
    records ? handle_records(frame) : handle_batch_free(frame);
  } catch (const Refusal& refusal) {
    refused(frame, refusal);
    if (frame.assumed) assume_apart(frame);
  } catch (...) {
    keep_error(frame, std::current_exception());
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
    mark_made(frame, output, nodes_.consumers);
    recording_.expressions.push_back(std::move(expression));
    tensors_.track(output, {Tracked::Kind::parameter, {}, recording_.expressions.size() - 1});
  }
  table_.add(call, {}, "no records");
}

void Recorder::handle_records(Frame& frame) {
  OperatorCall& call = frame.call;
  const OutputPositions positions = frame.info->transfer(call);
  if (frame.info->custom) check_positions(call, positions);
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
  if (frame.info->custom) {
    for (const at::Tensor& output : call.outputs) mark_made(frame, output, nodes_.vouched);
  }
  note_uses(frame, positions);
  table_.add(call, positions, "keeps records apart");
}

// Transfer rules read sizes when the operator has run; and a tensor that grows shows memory of others.
void Recorder::check_shape_kept(const Frame& frame) {
  if (frame.target_shape.empty() || moves_dimensions(frame.call)) return;
  if (shape_of(frame.call.tensor(0)) != frame.target_shape)
    throw Refusal{"changes the shape of a tensor in place; use the form that returns its result"};
}

void Recorder::check_in_place(const OperatorCall& call, const at::Tensor& output,
                              const std::optional<BatchPosition>& position) {
  if (may_overlap_itself(output))
    throw Refusal{"writes records into a tensor whose elements share memory; build it with cat or stack instead"};
  if (call.position(0)) {
    if (!moves_dimensions(call) && call.position(0) != position)
      throw Refusal{"writes records over records in another order"};
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

// Runs the model under observation. Throws what was refused, or else what the model threw.
void Recorder::watch(const std::function<void()>& model) {
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
  const Session session(this);
  const uint64_t seed = generator_seed();
  // An optimised TorchScript graph replaces operators by nodes of its own from its second run on.
  const torch::jit::GraphOptimizerEnabledGuard as_written(false);
  try {
    model();
  } catch (...) {
    // A refused operator often makes the model fail later on: the refusal is the reason.
    if (!error_) throw;
  }
  if (error_) std::rethrow_exception(error_);
  if (generator_seed() != seed) {
    throw UsageError(
        "[Tape] the model seeds LibTorch's generator or puts back a state of it (manual_seed, set_state): its random "
        "numbers would belong to places of the "
        "batch, and leaving a record out would change those of all that follow. Remove the call");
  }
}

Recording Recorder::run(const std::function<at::Tensor()>& model, bool recompute) {
  recompute_ = recompute;
  const auto run_it = [&] {
    watch([&] { recording_.losses = model(); });
    if (!assumed_) check_result();  // what would be found may follow from what was refused
  };
  explanation_ ? static_cast<void>(collect_problems(*explanation_, run_it)) : run_it();
  return std::move(recording_);
}

void Recorder::check_result() {
  for (const LastingTensor& tensor : lasting_) tensor.check_unchanged();
  const Tracked* tracked = recording_.losses.defined() ? tensors_.find(recording_.losses) : nullptr;
  check_losses(recording_.losses, tracked && tracked->kind == Tracked::Kind::records ? &tracked->position : nullptr,
               recording_.batch);
  check_all_reached(parameters_, check_graph({recording_.losses}, parameters_, recording_.expressions, nodes_));
}

namespace {

int64_t records_in(const std::vector<at::Tensor>& inputs) {
  int64_t batch = 0;
  for (const at::Tensor& input : inputs) {
    if (!input.defined() || input.dim() == 0)
      throw UsageError("[Tape] an input that carries records needs at least one dimension");
    if (batch != 0 && input.size(0) != batch) {
      throw UsageError(fmt::format("[Tape] inputs disagree on the number of records: {} and {}", batch, input.size(0)));
    }
    batch = input.size(0);
  }
  if (batch < 2) {
    throw UsageError(
        fmt::format("[Tape] a batch needs at least two places: got {}. Pad it with a copy that is not active", batch));
  }
  return batch;
}

void track_records(Recorder& recorder, const std::vector<at::Tensor>& inputs) {
  for (const at::Tensor& input : inputs) recorder.track(input, {Tracked::Kind::records, {0, 1, 1}, 0});
}

}  // namespace

Recording record(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                 const std::vector<at::Tensor>& inputs, const std::function<at::Tensor()>& model, bool recompute) {
  Recorder recorder(parameters, constants, records_in(inputs));
  track_records(recorder, inputs);
  return recorder.run(model, recompute);
}

Recording record(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                 const std::vector<at::Tensor>& inputs, const std::function<at::Tensor()>& model,
                 Explanation& explanation) {
  Recorder recorder(parameters, constants, records_in(inputs), &explanation);
  track_records(recorder, inputs);
  return recorder.run(model, /*recompute=*/false);
}

}  // namespace sotto::optim

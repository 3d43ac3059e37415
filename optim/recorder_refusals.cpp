// What the recorder does with an operator that it refuses. A run ends there. An explanation notes the problem and goes
// on as if the operator kept records apart, so that everything that is wrong is shown at once.

#include <fmt/format.h>
#include <sotto/optim/mixing_remedy.h>
#include <sotto/optim/recorder_state.h>
#include <sotto/optim/transfer_table.h>
#include <sotto/privacy/error.h>

#include <algorithm>

namespace sotto::optim {

void Recorder::keep_error(const Frame& frame, const std::exception_ptr& error) {
  error_ = error;
  if (frame.info) table_.add(frame.call, {}, "refused");
}

// What a rule of the program says of the operator's outputs must be possible.
void Recorder::check_positions(const OperatorCall& call, const OutputPositions& positions) {
  if (positions.size() != call.outputs.size()) {
    throw Refusal{
        fmt::format("has a registered transfer rule that returns {} position(s); must be one for each of {} "
                    "output(s)",
                    positions.size(), call.outputs.size())};
  }
  for (size_t o = 0; o < positions.size(); ++o) {
    if (!positions[o]) continue;
    const auto& [dim, outer, inner] = *positions[o];
    const at::Tensor& output = call.outputs[o];
    const bool fits = dim >= 0 && dim < output.dim() && outer >= 1 && inner >= 1 && output.size(dim) % inner == 0 &&
                      output.size(dim) / inner % call.batch == 0 && output.size(dim) / inner / call.batch == outer;
    if (fits) continue;
    throw Refusal{
        fmt::format("has a registered transfer rule that puts the batch of {} records at dimension {}, outer "
                    "{}, inner {} of output {} of sizes {}; outer times batch times inner must be the size of "
                    "that dimension",
                    call.batch, dim, outer, inner, o, sizes_text(output.sizes()))};
  }
}

void Recorder::refused(Frame& frame, const Refusal& refusal) {
  const bool mixes = refusal.reason.starts_with(kMixes);
  problem(frame,
          fmt::format("[Tape] operator {} {}{}{}{}{}", frame.info->name, refusal.reason, table_.names_of(frame.call),
                      table_.place_of(frame.call), mixes ? ". " : "", mixes ? mixing_remedy(frame.info->name) : ""));
}

void Recorder::problem(Frame& frame, const std::string& text) {
  if (!explanation_) return keep_error(frame, std::make_exception_ptr(UsageError(text)));
  if (std::find(explanation_->problems.begin(), explanation_->problems.end(), text) == explanation_->problems.end())
    explanation_->problems.push_back(text);
  frame.assumed = true;
  assumed_ = true;
}

// An output that looks like an argument has the batch where that one has it; any other holds no record.
void Recorder::assume_apart(Frame& frame) {
  const OperatorCall& call = frame.call;
  for (const at::Tensor& output : call.outputs) {
    std::optional<BatchPosition> position;
    for (const c10::IValue& argument : call.arguments) {
      for_each_tensor(argument, [&](const at::Tensor& tensor) {
        const auto known = call.position_of(tensor);
        const bool alike = known && tensor.dim() == output.dim() && tensor.size(known->dim) == output.size(known->dim);
        if (alike && !position) position = known;
      });
    }
    tensors_.track(output,
                   position ? Tracked{Tracked::Kind::records, *position, 0} : Tracked{Tracked::Kind::constant, {}, 0});
  }
  table_.add(call, {}, "refused");
}

}  // namespace sotto::optim

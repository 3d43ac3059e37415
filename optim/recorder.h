#pragma once
// Runs a model and watches every operator that LibTorch dispatches (at::RecordFunction): follows the batch index
// through it (transfer_rules.h) and notes where trainable parameters are consumed (parameter_use.h). Detached and
// no_grad operators and TorchScript interpreters are seen too. Writes through raw pointers are not.
//
// An operator is handled at the outermost level that has a rule; composite operators without one are followed into the
// operators they are made of. oneDNN's fused LSTM layer hides where the weights meet the hidden states: under the
// recorder an operator that shows them takes its place (recorded_lstm.h), or the layer is unrolled, and while it runs,
// and only then, oneDNN is switched off for the process (at::Context::setUserEnabledMkldnn).

#include <ATen/core/Tensor.h>
#include <sotto/optim/batch_position.h>
#include <sotto/optim/element_map.h>
#include <sotto/optim/explanation.h>
#include <sotto/optim/named_parameter.h>
#include <sotto/optim/parameter_expression.h>
#include <sotto/optim/parameter_use.h>
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/function.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace sotto::optim {

struct RecordedUse {
  std::string operator_name;
  size_t argument = 0;  // of the operator
  bool custom = false;  // its rule was registered by the program (custom_rule.h)
  size_t expression = 0;
  ElementMap map;                // of the elements that the use has gradients of, in the expression's source
  torch::autograd::Edge output;  // where the gradient of the operator's output flows
  std::unique_ptr<ParameterUse> use;
  bool absorbed = false;     // an earlier use took it over
  int64_t bytes_before = 0;  // held by the pass so far (held_bytes.h); 0 in a segment that is computed again
};

// Throws UsageError, naming operator and parameter, unless `rows` are per-record gradients [records, N] of what the use
// consumes: a rule of the program can return anything.
void check_rows(const at::Tensor& rows, int64_t records, const RecordedUse& use, const ParameterExpression& expression);

struct RecomputedSegment;

struct Recording {
  int64_t batch = 0;
  at::Tensor losses;                             // [B]
  std::vector<ParameterExpression> expressions;  // first the parameters, in order
  std::vector<RecordedUse> uses;
  std::vector<std::shared_ptr<RecomputedSegment>> segments;  // in the order of the run; their uses are not in `uses`
  std::set<std::string> notes;                               // what was switched for the recording, for the user
};

// Runs `model` once and returns what was recorded. `inputs` are the tensors that carry records, each with the batch in
// dimension 0 and the same size B >= 2; `constants` are tensors that carry none (buffers, frozen parameters).
// Segments are left to be recomputed (checkpoint.h) if `recompute`, and are part of the model otherwise.
// Throws UsageError naming the parameter or operator and what to do when a record could influence another record's
// loss, a trainable parameter is consumed by an operator without a rule, is not consumed at all, or the losses are not
// [B].
Recording record(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                 const std::vector<at::Tensor>& inputs, const std::function<at::Tensor()>& model,
                 bool recompute = false);

// The same, but what would be thrown goes to explanation.problems, together with every further parameter without a
// rule, and the operators seen to explanation.operators. A use without a rule is in the result with no `use`. When
// there are problems the result is what was recorded up to the first of them.
Recording record(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                 const std::vector<at::Tensor>& inputs, const std::function<at::Tensor()>& model,
                 Explanation& explanation);

}  // namespace sotto::optim

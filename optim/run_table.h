#pragma once
// What is said of an operator while a model is recorded: the parameters that it takes, where in the model it is, and
// its row of the table when one is asked for. Part of the recorder.

#include <sotto/optim/explanation.h>
#include <sotto/optim/operator_call.h>
#include <sotto/optim/recorder.h>
#include <sotto/optim/tracked_tensors.h>
#include <sotto/optim/transfer_rules.h>

#include <string>
#include <vector>

namespace sotto::optim {

class RunTable {
 public:
  // All must outlive it; `explanation` may be nullptr.
  RunTable(const TrackedTensors& tensors, const std::vector<ParameterExpression>& expressions, Explanation* explanation)
      : tensors_(tensors), expressions_(expressions), explanation_(explanation) {}

  // " (it is applied to parameter a, b)" when trainable parameters are among the arguments, "" otherwise.
  std::string names_of(const OperatorCall& call) const;
  // " (in module encoder.0, model.py:12)", or after which module's operators it comes.
  std::string place_of(const OperatorCall& call) const;

  void add(const OperatorCall& call, const OutputPositions& positions, const char* rule);
  // An operator took these parameters: what follows comes after their module.
  void took(const std::string& parameter_names);

 private:
  std::vector<size_t> expressions_in(const OperatorCall& call) const;
  std::string module_of(const OperatorCall& call) const;

  const TrackedTensors& tensors_;
  const std::vector<ParameterExpression>& expressions_;
  Explanation* explanation_;
  std::string last_module_;
};

}  // namespace sotto::optim

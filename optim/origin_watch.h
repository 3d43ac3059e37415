#pragma once
// Watches that a model computes with nothing but the tensors it may: its inputs, parameters, constants, and what its
// operators make of them. A tensor kept from an earlier call is found out; a number that the program computes from one
// record and uses for the next (item()) is not, that is left to the probe (probe.h). Operators of any kind are allowed:
// for runs of a single record, which can be mixed with another by nothing but what is kept.

#include <ATen/core/Tensor.h>
#include <sotto/optim/named_parameter.h>

#include <functional>
#include <vector>

namespace sotto::optim {

// Runs `model` and returns its result. Throws UsageError when an operator takes a tensor of unknown origin or an
// argument that may hide one, and what
// the model throws.
at::Tensor run_watched(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                       const std::vector<at::Tensor>& inputs, const std::function<at::Tensor()>& model);

}  // namespace sotto::optim

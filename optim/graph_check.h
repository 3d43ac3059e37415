#pragma once
// What the autograd graph of the losses must satisfy once the forward pass was recorded. Used by the recorder.

#include <sotto/optim/recorder.h>

#include <unordered_set>
#include <vector>

namespace sotto::optim {

// Completes messages about an operator without a rule.
inline constexpr const char* kRegisterHint =
    "Use one of the operators listed in optim/parameter_use.cpp, freeze the parameter (requires_grad_(false)), "
    "register "
    "a rule for the operator (optim/custom_rule.h), or ask for the slow exact way (fallback: per-record)";

// The losses must be [batch] with one record each, and require grad. `position` is where they carry records, nullptr
// when they carry none. Throws UsageError.
void check_losses(const at::Tensor& losses, const BatchPosition* position, int64_t batch);

// Complete mediation: every path from the losses to a trainable parameter leads through a node in `known_consumers`,
// those of recorded uses; every node belongs to an operator of LibTorch and has no hooks; every parameter is reached.
// Custom autograd functions hide their inner operators and are found here. Throws UsageError naming what is wrong.
void check_graph(const at::Tensor& losses, const std::vector<NamedParameter>& parameters,
                 const std::vector<ParameterExpression>& expressions,
                 const std::unordered_set<const torch::autograd::Node*>& known_consumers,
                 const std::unordered_set<const torch::autograd::Node*>& vouched);

}  // namespace sotto::optim

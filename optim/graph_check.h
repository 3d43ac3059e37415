#pragma once
// What the autograd graph of the losses must satisfy once the forward pass was recorded. Used by the recorder.

#include <sotto/optim/recorder.h>

#include <set>
#include <unordered_set>
#include <vector>

namespace sotto::optim {

using Nodes = std::unordered_set<const torch::autograd::Node*>;

struct KnownNodes {
  // May lead to a trainable parameter: those of recorded uses and of expressions made of parameters alone.
  Nodes consumers;
  Nodes vouched;  // made by operators with a registered rule
  // Where the graphs of recomputed segments ended when they ran first: none of the model's may lead there.
  std::vector<torch::autograd::Edge> ends;
};

// Completes messages about an operator without a rule.
inline constexpr const char* kRegisterHint =
    "Use one of the operators listed in optim/parameter_use.cpp, freeze the parameter (requires_grad_(false)), "
    "register "
    "a rule for the operator (optim/custom_rule.h), or ask for the slow exact way (fallback: per-record)";

// The losses must be [batch] with one record each, and require grad. `position` is where they carry records, nullptr
// when they carry none. Throws UsageError.
void check_losses(const at::Tensor& losses, const BatchPosition* position, int64_t batch);

// Complete mediation: every path from `tensors` to a trainable parameter leads through a known consumer; every node
// belongs to an operator of LibTorch or a recomputed segment and has no hooks. Custom autograd functions hide their
// inner operators and are found here. Returns the parameters that are reached, by index. Throws UsageError naming what
// is wrong.
std::set<size_t> check_graph(const std::vector<at::Tensor>& tensors, const std::vector<NamedParameter>& parameters,
                             const std::vector<ParameterExpression>& expressions, const KnownNodes& known);

// Throws UsageError naming the parameters that are not among those reached.
void check_all_reached(const std::vector<NamedParameter>& parameters, const std::set<size_t>& reached);

}  // namespace sotto::optim

#pragma once
// Rules for operators that sotto has none for: your own ones, and operators of LibTorch that are not covered yet.
//
//   TORCH_LIBRARY(mine, m) { m.def("swish(Tensor x, Tensor slope) -> Tensor", &swish); }   // x * sigmoid(slope x)
//
//   sotto::optim::register_custom_rule({
//       .name = "mine::swish",
//       .transfer = [](const OperatorCall& call) -> OutputPositions {    // element by element: records stay where they
//       are
//         if (call.position(1)) throw Refusal{"takes a slope that differs from record to record"};
//         return {call.position(0)};
//       },
//       .use = [](const OperatorCall& call, size_t argument, BatchPosition output) -> std::unique_ptr<ParameterUse> {
//         if (argument != 1) return nullptr;                              // only the slope may be a parameter
//         return make_direct_use([x = call.tensor(0).detach(), slope = call.tensor(1).detach(), output,
//                                 batch = call.batch](const at::Tensor& gradient) {
//           const at::Tensor s = at::sigmoid(x * slope);
//           return batch_first(gradient * x * x * s * (1 - s), output, batch).reshape({batch, -1}).sum(1, true);
//         });
//       }});
//
// You vouch for what a rule says, and for the backward pass of the operator: neither is checked by the analysis, only
// tried on made-up records by the probe (probe.h) and the comparison with autograd (rule_comparison.h). `transfer` says
// where the batch is in every output (transfer_rules.h); `use` turns the gradient of output 0 into per-record gradients
// [B, N] of a parameter (parameter_use.h, direct_use.h).

#include <sotto/optim/parameter_use.h>
#include <sotto/optim/transfer_rules.h>

#include <memory>
#include <string>
#include <string_view>

namespace sotto::optim {

using UseRule = std::unique_ptr<ParameterUse> (*)(const OperatorCall& call, size_t argument, BatchPosition output);

struct CustomRule {
  std::string name;                 // schema name of all overloads, "mine::swish", in-place variants without underscore
  TransferRule transfer = nullptr;  // not set for an operator whose transfer rule sotto brings: only `use` is added
  UseRule use = nullptr;            // not set when no parameter may be an argument
};

// For all recordings that begin after it returns; may be called from any thread. A rule is never replaced: throws
// UsageError for a name that has one already or that no operator bears (load its library first), and for a transfer
// rule of an operator that sotto has one for.
void register_custom_rule(const CustomRule& rule);

// nullptr when none is registered.
TransferRule find_custom_transfer_rule(std::string_view name);
UseRule find_custom_use_rule(std::string_view name);

}  // namespace sotto::optim

#pragma once
// How the batch index travels through an operator. A rule reads the positions of the arguments and returns the position
// of each output; it throws Refusal when the operator combines different records, or when it cannot tell.
//
// Together with the recorder this is a proof, for everything that goes through LibTorch's dispatcher, that loss i
// depends on record i alone; without it a per-record gradient has no meaning. An operator without a rule is refused, so
// a missing rule costs a feature, never privacy.

#include <sotto/optim/operator_call.h>

#include <optional>
#include <string_view>
#include <vector>

namespace sotto::optim {

// One entry per output tensor; nothing means that the output carries no records.
using OutputPositions = std::vector<std::optional<BatchPosition>>;
using TransferRule = OutputPositions (*)(const OperatorCall&);

// The rule for a schema name ("aten::linear"), or nullptr.
TransferRule find_transfer_rule(std::string_view name);

}  // namespace sotto::optim

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
// All schema names that have one, in alphabetical order.
std::vector<std::string_view> transfer_rule_names();

// Whether a tensor without records has the same values for every record at `position`: a record's loss must not depend
// on its place in the batch, because leaving a record out moves all that follow it. Compares the values where the
// dimension is not broadcast.
bool same_for_every_record(const at::Tensor& tensor, BatchPosition position, int64_t batch);
// Throws the Refusal for a tensor that has not.
[[noreturn]] void refuse_varying();

}  // namespace sotto::optim

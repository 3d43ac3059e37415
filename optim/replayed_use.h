#pragma once
// Parameters that meet records element by element: scales, gates, the branches of where, interpolation weights,
// attention masks and queries. The operator is run again with a copy of the parameter for every record, and LibTorch's
// own derivative for these copies is the per-record gradient; whatever LibTorch can differentiate needs no formula
// here. Costs the operator's forward and backward pass once more, for this argument alone, and [B, N] memory.

#include <sotto/optim/parameter_use.h>

namespace sotto::optim {

// `position` is where the argument would carry records. The argument either has one entry for all records there (it is
// broadcast; `position.dim` may be negative: a dimension that it does not have), or repeats its entries for every
// record, as expand makes it: then `replicated` of the result says so. Only for operators without randomness that
// compute every record's output from the record's part of each argument. Throws Refusal for in-place calls.
MadeUse make_replayed_use(const OperatorCall& call, size_t argument, BatchPosition position, BatchPosition output);

// The same for an operator that aligns the dimensions of its arguments with those of its output from the right.
MadeUse make_broadcast_use(const OperatorCall& call, size_t argument, BatchPosition output);

// Whether make_broadcast_use applies to the operator of this name.
bool is_replayed_elementwise(const std::string& name);

}  // namespace sotto::optim

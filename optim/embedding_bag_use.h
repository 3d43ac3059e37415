#pragma once
// Per-record gradients of embedding tables whose rows are summed, averaged or maximised over bags of equal length L
// (see the transfer rule of aten::embedding_bag). Sums and means go through embedding_use.h and form nothing of size V;
// the maximum keeps [B, V, D].

#include <sotto/optim/parameter_use.h>

#include <memory>

namespace sotto::optim {

// nullptr for an argument other than the table.
std::unique_ptr<ParameterUse> embedding_bag_use(const OperatorCall& call, size_t argument, BatchPosition output);

}  // namespace sotto::optim

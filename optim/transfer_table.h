#pragma once
// What the files of transfer rules share: the table they fill, and the checks that most rules make. Not for users.

#include <sotto/optim/transfer_rules.h>

#include <functional>
#include <map>
#include <string>

namespace sotto::optim {

using TransferTable = std::map<std::string, TransferRule, std::less<>>;

void add_elementwise_rules(TransferTable& table);  // transfer_elementwise.cpp
void add_shape_rules(TransferTable& table);        // transfer_shapes.cpp
void add_complex_rules(TransferTable& table);      // transfer_complex.cpp
void add_layer_rules(TransferTable& table);        // transfer_layers.cpp
void add_product_rules(TransferTable& table);      // transfer_products.cpp

inline constexpr const char* kMixes = "combines different records";

[[noreturn]] void refuse(std::string reason);
// The position for every output; refuses outputs that it does not fit.
OutputPositions same_for_all(const OperatorCall& call, BatchPosition position);
// The position of an argument that must carry records.
BatchPosition required(const OperatorCall& call, size_t argument);
void require_constant(const OperatorCall& call, size_t argument);
// `tensor` has no records, but its dimension `dim` may line up with the batch: then it must treat all records alike.
void require_uniform(const OperatorCall& call, const at::Tensor& tensor, int64_t dim, BatchPosition position);
// Aligns shapes from the right, as broadcasting does. All arguments that carry records must agree.
OutputPositions broadcast(const OperatorCall& call);

}  // namespace sotto::optim

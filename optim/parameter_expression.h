#pragma once
// Tensors that a model makes of its parameters alone, before they meet a record.

#include <ATen/core/Tensor.h>
#include <sotto/optim/element_map.h>
#include <sotto/optim/low_rank_use.h>
#include <sotto/optim/operator_call.h>

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sotto::optim {

// A tensor made of parameters alone: a parameter itself, elements of one source put elsewhere (its transpose, a slice,
// a copy in another dtype), or any other function of parameters, which is a source of its own.
struct ParameterExpression {
  at::Tensor value;
  std::set<size_t> parameters;  // indices of the parameters it is made of
  std::string parameter_names;  // for messages
  size_t source = 0;            // index of the expression whose elements it shows; a parameter's is the parameter's own
  ElementMap map;               // of the value's elements in the source's
  std::optional<LowRank> low_rank = std::nullopt;
};

// The expression of an output of `call`, whose arguments among the expressions are `operands`, when it is appended to
// `expressions`.
ParameterExpression expression_of(const OperatorCall& call, const at::Tensor& output,
                                  const std::vector<size_t>& operands,
                                  const std::vector<ParameterExpression>& expressions);

// Whether row i of the matrix `rows` is the same function of the parameters for every record i; `expression` is its
// own.
bool repeats_rows(const at::Tensor& rows, const ParameterExpression& expression, int64_t batch);

}  // namespace sotto::optim

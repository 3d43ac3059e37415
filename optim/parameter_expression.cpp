#include <sotto/optim/parameter_expression.h>

namespace sotto::optim {
namespace {

// addmm(W, B, A, beta, alpha) of two parameters as they are, and a constant.
std::optional<LowRank> low_rank_of(const OperatorCall& call, const std::vector<size_t>& operands,
                                   const std::vector<ParameterExpression>& expressions) {
  if (call.name != "aten::addmm" || !call.overload.empty() || call.in_place || operands.size() != 2 ||
      operands[0] == operands[1])
    return {};
  for (size_t k = 0; k < 2; ++k) {
    const ParameterExpression& factor = expressions[operands[k]];
    const bool whole = factor.source == operands[k] && factor.parameters.size() == 1 && !factor.low_rank &&
                       factor.parameters.contains(operands[k]);
    if (!whole || !call.tensor(k + 1).is_same(factor.value)) return {};
  }
  return LowRank{operands[0], operands[1], call.number(4)};
}

}  // namespace

ParameterExpression expression_of(const OperatorCall& call, const at::Tensor& output,
                                  const std::vector<size_t>& operands,
                                  const std::vector<ParameterExpression>& expressions) {
  ParameterExpression result{output, {}, "", expressions.size(), ElementMap(output.sizes())};
  for (size_t operand : operands) {
    const ParameterExpression& from = expressions[operand];
    result.parameters.insert(from.parameters.begin(), from.parameters.end());
    result.parameter_names += (result.parameter_names.empty() ? "" : ", ") + from.parameter_names;
  }
  result.low_rank = low_rank_of(call, operands, expressions);
  // What the backward pass of an operator of the program does is its own affair.
  if (operands.size() != 1 || call.in_place || !call.name.starts_with("aten::")) return result;
  const ParameterExpression& from = expressions[operands[0]];
  auto map = ElementMap::of_view(output, expressions[from.source].value);
  if (!map) map = from.map.after(call, output);
  if (map) {
    result.source = from.source;
    result.map = std::move(*map);
  }
  return result;
}

bool repeats_rows(const at::Tensor& rows, const ParameterExpression& expression, int64_t batch) {
  return rows.dim() == 2 && rows.size(0) == batch && expression.map.of_one_record({0, 1, 1}, batch).has_value();
}

}  // namespace sotto::optim

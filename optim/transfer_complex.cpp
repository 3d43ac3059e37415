// Transfer rules of operators on complex numbers. Parameters meet complex numbers only as
// functions of parameters: no use of one has a rule there (parameter_use.cpp).

#include <sotto/optim/transfer_table.h>

namespace sotto::optim {
namespace {

// The last dimension of the argument holds real and imaginary part.
OutputPositions view_as_complex(const OperatorCall& call) {
  const BatchPosition position = required(call, 0);
  if (position.dim == call.tensor(0).dim() - 1) refuse(kMixes);
  return same_for_all(call, position);
}

// A last dimension comes behind the others.
OutputPositions view_as_real(const OperatorCall& call) {
  return same_for_all(call, required(call, 0));
}

}  // namespace

void add_complex_rules(TransferTable& table) {
  table.emplace("aten::view_as_complex", &view_as_complex);
  table.emplace("aten::view_as_real", &view_as_real);
  for (const char* name : {"aten::complex", "aten::polar", "aten::angle", "aten::_conj", "aten::_conj_physical",
                           "aten::_neg_view", "aten::resolve_conj", "aten::resolve_neg"}) {
    table.emplace(name, &broadcast);
  }
}

}  // namespace sotto::optim

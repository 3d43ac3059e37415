#pragma once
// What does not change between calls of one operator, looked up once per operator and recording.

#include <ATen/record_function.h>
#include <sotto/optim/custom_rule.h>

#include <map>
#include <string>
#include <utility>

namespace sotto::optim {

struct OperatorInfo {
  std::string name;  // schema name without the trailing underscore of in-place variants
  bool in_place = false;
  bool composite = false;        // made of operators that are recorded themselves
  bool out_variant = false;      // writes to an argument other than the target of an in-place operator
  bool returns = false;          // something, when it does not throw
  bool fused_by_onednn = false;  // oneDNN's version of it hides where its parameters are used
  TransferRule transfer = nullptr;
  UseRule custom_use = nullptr;
  bool custom = false;  // registered by the program (custom_rule.h), which vouches for its backward pass
};

class OperatorCatalogue {
 public:
  // The reference stays valid as long as the catalogue.
  const OperatorInfo& of(const at::RecordFunction& function);

 private:
  std::map<std::pair<const char*, const char*>, OperatorInfo> operators_;  // by the addresses of name and overload
};

}  // namespace sotto::optim

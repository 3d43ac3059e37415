#include <ATen/core/dispatch/Dispatcher.h>
#include <sotto/optim/operator_catalogue.h>

#include <set>
#include <string_view>

namespace sotto::optim {
namespace {

bool is_rearranging(std::string_view name) {
  static const std::set<std::string_view> names = {
      "aten::t",     "aten::transpose", "aten::permute", "aten::view",  "aten::reshape",   "aten::flatten",
      "aten::alias", "aten::unsqueeze", "aten::squeeze", "aten::clone", "aten::contiguous"};
  return names.contains(name);
}

}  // namespace

const OperatorInfo& OperatorCatalogue::of(const at::RecordFunction& function) {
  const auto key = std::make_pair(function.name(), function.overload_name());
  const auto found = operators_.find(key);
  if (found != operators_.end()) return found->second;
  OperatorInfo info;
  info.name = function.name();
  if (info.name.ends_with("_") && !info.name.ends_with("__")) {
    info.name.pop_back();
    info.in_place = true;
  }
  if (const auto name = function.operator_name()) {
    if (const auto handle = c10::Dispatcher::singleton().findOp(*name); handle && handle->hasSchema()) {
      info.composite = handle->hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd);
      const auto& arguments = handle->schema().arguments();
      for (size_t a = 0; a < arguments.size(); ++a) {
        const bool written = arguments[a].alias_info() != nullptr && arguments[a].alias_info()->isWrite();
        if (written && !(info.in_place && a == 0)) info.out_variant = true;
      }
      info.returns = !handle->schema().returns().empty();
    }
  }
  info.rearranging = is_rearranging(info.name);
  info.transfer = find_transfer_rule(info.name);
  return operators_.emplace(key, std::move(info)).first->second;
}

}  // namespace sotto::optim

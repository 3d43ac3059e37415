#include <ATen/core/dispatch/Dispatcher.h>
#include <sotto/optim/operator_catalogue.h>

namespace sotto::optim {

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
  info.fused_by_onednn = info.name == "aten::lstm";
  info.transfer = find_transfer_rule(info.name);
  if (!info.transfer) {
    info.transfer = find_custom_transfer_rule(info.name);
    info.custom = info.transfer != nullptr;
  }
  info.custom_use = find_custom_use_rule(info.name);
  return operators_.emplace(key, std::move(info)).first->second;
}

}  // namespace sotto::optim

#include <ATen/core/dispatch/Dispatcher.h>
#include <fmt/format.h>
#include <sotto/optim/custom_rule.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>

namespace sotto::optim {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, CustomRule, std::less<>> rules;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

CustomRule find(std::string_view name) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = all.rules.find(name);
  return found == all.rules.end() ? CustomRule{} : found->second;
}

bool operator_exists(const std::string& name) {
  const auto all = c10::Dispatcher::singleton().getAllOpNames();
  return std::any_of(all.begin(), all.end(),
                     [&](const c10::OperatorName& each) { return each.name == name || each.name == name + "_"; });
}

}  // namespace

void register_custom_rule(const CustomRule& rule) {
  if (!operator_exists(rule.name)) {
    throw UsageError(
        fmt::format("[register_custom_rule] no operator is called \"{}\"; give the name of its schema "
                    "without overload, such as mine::swish, once its library is loaded",
                    rule.name));
  }
  const bool built_in = find_transfer_rule(rule.name) != nullptr;
  if (rule.transfer == nullptr && !(built_in && rule.use != nullptr)) {
    throw UsageError(
        fmt::format("[register_custom_rule] {}: no transfer rule; one is needed to know where the records "
                    "are in the operator's results",
                    rule.name));
  }
  if (rule.transfer != nullptr && built_in) {
    throw UsageError(
        fmt::format("[register_custom_rule] {} has a transfer rule already, which cannot be replaced", rule.name));
  }
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  if (!all.rules.emplace(rule.name, rule).second) {
    throw UsageError(fmt::format("[register_custom_rule] a rule for {} is registered already", rule.name));
  }
}

TransferRule find_custom_transfer_rule(std::string_view name) {
  return find(name).transfer;
}

UseRule find_custom_use_rule(std::string_view name) {
  return find(name).use;
}

}  // namespace sotto::optim

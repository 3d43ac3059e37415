#include <fmt/format.h>
#include <sotto/optim/run_table.h>
#include <sotto/optim/script_place.h>

namespace sotto::optim {
namespace {

std::string owner_of(const std::string& parameter) {
  const size_t dot = parameter.rfind('.');
  return dot == std::string::npos ? "" : parameter.substr(0, dot);
}

}  // namespace

std::vector<size_t> RunTable::expressions_in(const OperatorCall& call) const {
  std::vector<size_t> result;
  for (const c10::IValue& argument : call.arguments) {
    for_each_tensor(argument, [&](const at::Tensor& tensor) {
      const Tracked* tracked = tensors_.find(tensor);
      if (tracked && tracked->kind == Tracked::Kind::parameter) result.push_back(tracked->expression);
    });
  }
  return result;
}

std::string RunTable::names_of(const OperatorCall& call) const {
  std::string names;
  for (const size_t e : expressions_in(call)) names += (names.empty() ? "" : ", ") + expressions_[e].parameter_names;
  return names.empty() ? "" : " (it is applied to parameter " + names + ")";
}

std::string RunTable::module_of(const OperatorCall& call) const {
  std::string module;
  for (const size_t e : expressions_in(call)) {
    const std::string owner = owner_of(expressions_[e].parameter_names);
    if (!owner.empty()) module = owner;
  }
  return module;
}

std::string RunTable::place_of(const OperatorCall& call) const {
  const ScriptPlace script = script_place();
  const std::string module = script.module.empty() ? module_of(call) : script.module;
  std::string text;
  if (!module.empty()) {
    text = "in module " + module;
  } else if (!last_module_.empty()) {
    text = "after module " + last_module_;
  }
  if (!script.source.empty()) text += (text.empty() ? "at " : ", ") + script.source;
  return text.empty() ? "" : " (" + text + ")";
}

void RunTable::add(const OperatorCall& call, const OutputPositions& positions, const char* rule) {
  if (!explanation_) return;
  const ScriptPlace script = script_place();
  ExplainedOperator row{call.name, call.in_place, script.module, script.source, {}, rule};
  if (row.module.empty()) row.module = module_of(call);
  for (size_t o = 0; o < call.outputs.size(); ++o) {
    row.outputs.push_back({c10::toString(call.outputs[o].scalar_type()), call.outputs[o].sizes().vec(),
                           o < positions.size() ? positions[o] : std::nullopt});
  }
  explanation_->operators.push_back(std::move(row));
}

void RunTable::took(const std::string& parameter_names) {
  const std::string owner = owner_of(parameter_names);
  if (!owner.empty()) last_module_ = owner;
}

}  // namespace sotto::optim

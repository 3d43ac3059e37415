#include <fmt/format.h>
#include <sotto/models/script_graph.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

namespace sotto::models {
namespace {

struct Forbidden {
  std::string_view operator_name;
  const char* why;
};

constexpr std::array<Forbidden, 12> kForbidden = {{
    {"prim::fork", "runs a part of the model on another thread (fork), where its operators cannot be followed"},
    {"prim::awaitable", "delays a part of the model (awaitable), so that its operators cannot be followed"},
    {"aten::wait", "waits for another thread, whose operators cannot be followed"},
    {"prim::tolist", "turns a tensor into numbers of the program (tolist), where records cannot be followed"},
    {"prim::Print", "prints (print), which could show private records"},
    {"aten::save", "writes a file (save), which could show private records; remove the call"},
    {"aten::from_file", "maps a file (from_file), which would carry records to the next batch; remove the call"},
    {"aten::hash", "turns a tensor into a number of the program (hash), where records cannot be followed"},
    {"aten::manual_seed",
     "seeds a generator (manual_seed), so that random numbers would belong to places of the batch; remove the call"},
    {"prim::rpc_async", "calls another process"},
    {"prim::CallMethod", "calls a method through an interface, whose operators are not known beforehand"},
    {"prim::PythonOp", "calls Python"},
}};

// Operators without a result that only move tensors between lists and dictionaries.
constexpr std::array<std::string_view, 9> kMoves = {"aten::_set_item", "aten::insert", "aten::extend",
                                                    "aten::update",    "aten::clear",  "aten::reverse",
                                                    "aten::remove",    "aten::sort",   "aten::Delete"};

bool holds_object(const c10::TypePtr& type) {
  const c10::TypeKind kind = type->kind();
  return kind == c10::TypeKind::ClassType || kind == c10::TypeKind::InterfaceType ||
         std::ranges::any_of(type->containedTypes(), holds_object);
}

bool holds_tensor(const c10::TypePtr& type) {
  const c10::TypeKind kind = type->kind();
  return kind == c10::TypeKind::TensorType || kind == c10::TypeKind::AnyType || holds_object(type) ||
         std::ranges::any_of(type->containedTypes(), holds_tensor);
}

bool is_text(const c10::TypePtr& type) {
  return type->kind() == c10::TypeKind::StringType ||
         (type->kind() == c10::TypeKind::ListType && is_text(type->expectRef<c10::ListType>().getElementType()));
}

// Made of constants of the program by nothing but operators.
bool is_fixed(const torch::jit::Value* value) {
  const torch::jit::Node* node = value->node();
  if (node->kind() == c10::prim::Constant) return true;
  return node->kind() != c10::prim::Param && node->blocks().empty() && std::ranges::all_of(node->inputs(), is_fixed);
}

std::optional<std::string> refusal_of(const torch::jit::Node* node) {
  const std::string_view name = node->kind().toQualString();
  for (const Forbidden& forbidden : kForbidden)
    if (forbidden.operator_name == name) return forbidden.why;
  if (node->kind() == c10::aten::warn && !is_fixed(node->input(0)))
    return "warns with a text that is not fixed (warn), which could show private records; make the text a constant";
  if ((name == "aten::sort" || name == "aten::sorted") && holds_object(node->input(0)->type()))
    return "sorts objects by a method of their class (sort), whose operators are not known beforehand";
  const bool seen = node->maybeOperator() != nullptr && node->getOperator().isC10Op();
  if (seen || node->kind().is_prim() || node->kind() == c10::aten::keys) return std::nullopt;
  if (std::ranges::none_of(node->inputs(), [](const auto* input) { return holds_tensor(input->type()); }))
    return std::nullopt;
  if (std::ranges::any_of(node->outputs(), [](const auto* output) { return is_text(output->type()); }))
    return fmt::format(
        "writes a tensor as text ({}), where records cannot be followed and could be shown; leave tensors out of texts",
        name);
  if (node->outputs().empty() && std::ranges::find(kMoves, name) == kMoves.end())
    return fmt::format("hands a tensor to {}, which is not seen among the operators; remove the call", name);
  return std::nullopt;
}

void for_each_node(const torch::jit::Block* block, const std::function<void(const torch::jit::Node*)>& visit) {
  for (const torch::jit::Node* node : block->nodes()) {
    visit(node);
    for (const torch::jit::Block* inner : node->blocks()) for_each_node(inner, visit);
  }
}

std::string place_of(const torch::jit::Node* node) {
  // A file keeps its own text, and beside it where in the Python source that came from.
  const auto original = node->sourceRange().findSourceRangeThatGenerated();
  const auto place = (original ? *original : node->sourceRange()).file_line_col();
  if (!place) return "";
  const auto& [file, line, column] = *place;
  return fmt::format(" at {}:{}", file.substr(file.find_last_of('/') + 1), line);
}

std::optional<std::string> refusal_within(torch::jit::Graph& graph) {
  const auto whole = graph.copy();
  torch::jit::Inline(*whole);
  std::optional<std::string> refusal;
  for_each_node(whole->block(), [&](const torch::jit::Node* node) {
    if (refusal) return;
    if (const auto why = refusal_of(node)) refusal = *why + place_of(node);
    // The interpreter calls these two methods itself.
    const bool enter = node->kind() == c10::prim::Enter;
    if (refusal || !(enter || node->kind() == c10::prim::Exit)) return;
    const c10::ClassTypePtr type = node->input(0)->type()->expect<c10::ClassType>();
    refusal = refusal_within(*torch::jit::toGraphFunction(type->getMethod(enter ? "__enter__" : "__exit__")).graph());
  });
  return refusal;
}

}  // namespace

std::optional<std::string> graph_refusal(const torch::jit::Module& module) {
  return refusal_within(*module.get_method("forward").graph());
}

namespace {

// Constants and defaults of arguments of all methods of all modules.
void for_each_value(const torch::jit::Module& module, const std::function<void(const c10::IValue&)>& visit) {
  for (const torch::jit::Module& part : module.modules()) {
    for (const torch::jit::Method& method : part.get_methods()) {
      for (const c10::Argument& argument : method.function().getSchema().arguments())
        if (argument.default_value()) visit(*argument.default_value());
      for_each_node(method.graph()->block(), [&](const torch::jit::Node* node) {
        if (node->kind() != c10::prim::Constant) return;
        if (const auto value = torch::jit::toIValue(node->output())) visit(*value);
      });
    }
  }
}

}  // namespace

std::vector<at::Tensor> graph_constants(const torch::jit::Module& module) {
  std::vector<at::Tensor> result;
  for_each_value(module, [&](const c10::IValue& value) {
    if (value.isTensor() && value.toTensor().defined()) result.push_back(value.toTensor());
  });
  return result;
}

std::vector<c10::IValue> graph_containers(const torch::jit::Module& module) {
  std::vector<c10::IValue> result;
  for_each_value(module, [&](const c10::IValue& value) {
    if (value.isList() || value.isGenericDict() || value.isTuple() || value.isObject()) result.push_back(value);
  });
  return result;
}

}  // namespace sotto::models

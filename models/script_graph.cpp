#include <fmt/format.h>
#include <sotto/models/script_graph.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <array>
#include <functional>
#include <string_view>

namespace sotto::models {
namespace {

struct Forbidden {
  std::string_view operator_name;
  const char* why;
};

constexpr std::array<Forbidden, 8> kForbidden = {{
    {"prim::fork", "runs a part of the model on another thread (fork), where its operators cannot be followed"},
    {"prim::awaitable", "delays a part of the model (awaitable), so that its operators cannot be followed"},
    {"aten::wait", "waits for another thread, whose operators cannot be followed"},
    {"prim::tolist", "turns a tensor into numbers of the program (tolist), where records cannot be followed"},
    {"prim::Print", "prints (print), which could show private records"},
    {"prim::rpc_async", "calls another process"},
    {"prim::CallMethod", "calls a method through an interface, whose operators are not known beforehand"},
    {"prim::PythonOp", "calls Python"},
}};

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

}  // namespace

std::optional<std::string> graph_refusal(const torch::jit::Module& module) {
  const auto graph = module.get_method("forward").graph()->copy();
  torch::jit::Inline(*graph);
  std::optional<std::string> refusal;
  for_each_node(graph->block(), [&](const torch::jit::Node* node) {
    if (refusal) return;
    for (const Forbidden& forbidden : kForbidden)
      if (forbidden.operator_name == node->kind().toQualString()) refusal = std::string(forbidden.why) + place_of(node);
  });
  return refusal;
}

std::vector<at::Tensor> graph_constants(const torch::jit::Module& module) {
  std::vector<at::Tensor> result;
  for (const torch::jit::Module& part : module.modules()) {
    for (const torch::jit::Method& method : part.get_methods()) {
      for_each_node(method.graph()->block(), [&](const torch::jit::Node* node) {
        if (node->kind() != c10::prim::Constant) return;
        const auto value = torch::jit::toIValue(node->output());
        if (value && value->isTensor() && value->toTensor().defined()) result.push_back(value->toTensor());
      });
    }
  }
  return result;
}

}  // namespace sotto::models

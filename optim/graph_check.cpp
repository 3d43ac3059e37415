#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/optim/graph_check.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/functions/tensor.h>
#include <torch/csrc/autograd/variable.h>

#include <set>
#include <string_view>
#include <typeinfo>
#include <unordered_map>

namespace sotto::optim {
namespace {

// The operators were seen in the forward pass; their backward passes keep records apart because they are LibTorch's
// own. Code of the program that runs in the backward pass could mix records unseen.
void check_backward_is_known(torch::autograd::Node& node) {
  using torch::autograd::AccumulateGrad;
  using torch::autograd::CopyBackwards;
  using torch::autograd::CopySlices;
  // The nodes of LibTorch's operators are those of one namespace, here as the compiler writes it.
  constexpr std::string_view kGenerated = "N5torch8autograd9generated";
  const std::type_info& type = typeid(node);
  if (!std::string_view(type.name()).starts_with(kGenerated) && type != typeid(CopySlices) &&
      type != typeid(CopyBackwards) && type != typeid(AccumulateGrad)) {
    throw UsageError(
        fmt::format("[Tape] the losses depend on {}, a custom autograd function: what its backward pass does with "
                    "the records cannot be seen. Make it an operator (TORCH_LIBRARY) that has a rule. {}",
                    node.name(), kRegisterHint));
  }
  // A view changed in place hides the operator's own node.
  if (auto* copy = dynamic_cast<CopySlices*>(&node); copy != nullptr && copy->fn) check_backward_is_known(*copy->fn);
  if (!node.pre_hooks().empty() || !node.post_hooks().empty() || !node.tensor_pre_hooks().empty()) {
    throw UsageError(
        fmt::format("[Tape] a gradient hook is registered at {}: what it does with the records cannot be seen. Remove "
                    "the hook; a gradient can be changed after it was released",
                    node.name()));
  }
}

}  // namespace

void check_losses(const at::Tensor& losses, const BatchPosition* position, int64_t batch) {
  const bool one_each =
      position != nullptr && losses.dim() == 1 && *position == BatchPosition{0, 1, 1} && losses.size(0) == batch;
  if (!one_each) {
    throw UsageError(fmt::format(
        "[Tape] the model must return one loss per record, a tensor of sizes [{}]: got {}. Ask the loss function for "
        "reduction none and sum what remains over all dimensions but the first",
        batch,
        losses.defined()
            ? fmt::format("sizes {}{}", sizes_text(losses.sizes()), position != nullptr ? "" : " that carry no records")
            : "an undefined tensor"));
  }
  if (!losses.requires_grad()) {
    throw UsageError("[Tape] the losses do not depend on any trainable parameter: is gradient mode switched off?");
  }
}

void check_graph(const at::Tensor& losses, const std::vector<NamedParameter>& parameters,
                 const std::vector<ParameterExpression>& expressions,
                 const std::unordered_set<const torch::autograd::Node*>& known_consumers,
                 const std::unordered_set<const torch::autograd::Node*>& vouched) {
  std::unordered_map<const torch::autograd::Node*, const std::string*> accumulators;
  for (const NamedParameter& parameter : parameters) {
    const auto node = torch::autograd::impl::grad_accumulator(parameter.tensor);
    accumulators.emplace(node.get(), &parameter.name);
  }
  std::unordered_set<const torch::autograd::Node*> parameter_nodes;
  for (const ParameterExpression& expression : expressions) {
    if (expression.value.grad_fn()) parameter_nodes.insert(expression.value.grad_fn().get());
  }
  std::unordered_set<const torch::autograd::Node*> seen;
  std::vector<torch::autograd::Node*> open = {losses.grad_fn().get()};
  while (!open.empty()) {
    torch::autograd::Node* node = open.back();
    open.pop_back();
    if (node == nullptr || !seen.insert(node).second) continue;
    if (!vouched.contains(node)) check_backward_is_known(*node);
    for (const torch::autograd::Edge& edge : node->next_edges()) {
      torch::autograd::Node* next = edge.function.get();
      if (next == nullptr) continue;
      const auto accumulator = accumulators.find(next);
      const bool reaches_parameter = accumulator != accumulators.end() || parameter_nodes.contains(next);
      if (reaches_parameter && !known_consumers.contains(node)) {
        throw UsageError(
            fmt::format("[Tape] parameter {} is consumed by {}, an autograd node that no recorded operator accounts "
                        "for (a custom autograd function?), so that its per-record gradient is unknown. {}",
                        accumulator == accumulators.end() ? "(through an expression)" : *accumulator->second,
                        node->name(), kRegisterHint));
      }
      open.push_back(next);
    }
  }
  std::set<std::string> unused;
  for (const NamedParameter& parameter : parameters) {
    const auto node = torch::autograd::impl::grad_accumulator(parameter.tensor);
    if (!seen.contains(node.get())) unused.insert(parameter.name);
  }
  if (!unused.empty()) {
    throw UsageError(fmt::format(
        "[Tape] trainable parameter {} has no influence on the losses: remove it, use it, or freeze it with "
        "requires_grad_(false)",
        fmt::join(unused.begin(), unused.end(), ", ")));
  }
}

}  // namespace sotto::optim

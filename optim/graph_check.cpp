#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/optim/graph_check.h>
#include <sotto/optim/lstm_nodes.h>
#include <sotto/optim/recomputed_segment.h>
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
      type != typeid(CopyBackwards) && type != typeid(AccumulateGrad) && type != typeid(SegmentNode) &&
      type != typeid(LstmStepsNode) && type != typeid(LstmGatesNode)) {
    throw UsageError(
        fmt::format("[Tape] the losses depend on {}, a custom autograd function: what its backward pass does with "
                    "the records cannot be seen. Make it an operator (TORCH_LIBRARY) that has a rule. {}",
                    node.name(), kRegisterHint));
  }
  // A view changed in place hides the operator's own node.
  if (auto* copy = dynamic_cast<CopySlices*>(&node); copy != nullptr && copy->fn) check_backward_is_known(*copy->fn);
}

// Nobody vouches for a hook, also where the operator's own backward pass is vouched for.
void check_no_hook(torch::autograd::Node& node) {
  using torch::autograd::CopySlices;
  if (auto* copy = dynamic_cast<CopySlices*>(&node); copy != nullptr && copy->fn) check_no_hook(*copy->fn);
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

std::set<size_t> check_graph(const std::vector<at::Tensor>& tensors, const std::vector<NamedParameter>& parameters,
                             const std::vector<ParameterExpression>& expressions, const KnownNodes& known) {
  std::unordered_map<const torch::autograd::Node*, size_t> accumulators;
  std::vector<torch::autograd::Edge> kept;
  for (size_t p = 0; p < parameters.size(); ++p) {
    kept.push_back(torch::autograd::impl::gradient_edge(parameters[p].tensor));
    accumulators.emplace(kept.back().function.get(), p);
  }
  Nodes parameter_nodes, ends;
  for (const ParameterExpression& expression : expressions) {
    if (expression.value.grad_fn()) parameter_nodes.insert(expression.value.grad_fn().get());
  }
  for (const torch::autograd::Edge& end : known.ends) ends.insert(end.function.get());
  std::set<size_t> reached;
  Nodes seen;
  std::vector<torch::autograd::Node*> open;
  for (const at::Tensor& tensor : tensors) open.push_back(tensor.grad_fn().get());
  while (!open.empty()) {
    torch::autograd::Node* node = open.back();
    open.pop_back();
    if (node == nullptr || !seen.insert(node).second) continue;
    if (const auto accumulator = accumulators.find(node); accumulator != accumulators.end())
      reached.insert(accumulator->second);
    if (ends.contains(node)) {
      throw UsageError(
          "[checkpoint] a tensor made inside a segment is used outside of it, so that the segment's gradient would be "
          "lost: return it from the segment");
    }
    if (!known.vouched.contains(node)) check_backward_is_known(*node);
    check_no_hook(*node);
    if (const auto* segment = dynamic_cast<const SegmentNode*>(node))
      reached.insert(segment->state().parameters.begin(), segment->state().parameters.end());
    for (const torch::autograd::Edge& edge : node->next_edges()) {
      torch::autograd::Node* next = edge.function.get();
      if (next == nullptr) continue;
      const auto accumulator = accumulators.find(next);
      const bool reaches_parameter = accumulator != accumulators.end() || parameter_nodes.contains(next);
      if (reaches_parameter && !known.consumers.contains(node)) {
        throw UsageError(fmt::format(
            "[Tape] parameter {} is consumed by {}, an autograd node that no recorded operator accounts "
            "for (a custom autograd function?), so that its per-record gradient is unknown. {}",
            accumulator == accumulators.end() ? "(through an expression)" : parameters[accumulator->second].name,
            node->name(), kRegisterHint));
      }
      open.push_back(next);
    }
  }
  return reached;
}

void check_all_reached(const std::vector<NamedParameter>& parameters, const std::set<size_t>& reached) {
  std::set<std::string> unused;
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (!reached.contains(p)) unused.insert(parameters[p].name);
  }
  if (!unused.empty()) {
    throw UsageError(fmt::format(
        "[Tape] trainable parameter {} has no influence on the losses: remove it, use it, or freeze it with "
        "requires_grad_(false)",
        fmt::join(unused.begin(), unused.end(), ", ")));
  }
}

}  // namespace sotto::optim

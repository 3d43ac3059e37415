#pragma once
// What a TorchScript graph must not contain. Used by script_model.cpp.

#include <torch/csrc/jit/api/module.h>

#include <optional>
#include <string>
#include <vector>

namespace sotto::models {

// Why the forward method cannot be followed operator by operator; nothing when it can.
std::optional<std::string> graph_refusal(const torch::jit::Module& module);

// The tensors that the code of all methods holds as constants (a traced model keeps some).
std::vector<at::Tensor> graph_constants(const torch::jit::Module& module);

// The lists, dictionaries and objects that the code of all methods holds: defaults of arguments, and constants. They
// are made once, and what a call changes in them the next one sees.
std::vector<c10::IValue> graph_containers(const torch::jit::Module& module);

}  // namespace sotto::models

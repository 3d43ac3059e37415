#pragma once
// The attributes of a TorchScript module, through lists, tuples and dictionaries. Used by script_model.cpp.

#include <sotto/models/state.h>
#include <torch/csrc/jit/api/module.h>

#include <string>
#include <vector>

namespace sotto::models {

// Every tensor that is an attribute of a module or lies in one, under its path ("encoder.0.weight", "table.0"), each as
// often as it is named.
std::vector<NamedTensor> attribute_tensors(const torch::jit::Module& module);

// Everything in the values, attributes of objects included, that is not the content of a tensor: numbers, texts,
// lengths of lists, and which tensor lies where. Two equal texts mean that nothing was changed in between.
std::string state_of(const std::vector<c10::IValue>& values);

}  // namespace sotto::models

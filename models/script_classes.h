#pragma once
// Classes of a TorchScript module, made of their attributes and their code. Used by text_script.cpp.

#include <ATen/core/jit_type.h>
#include <sotto/models/state.h>
#include <torch/csrc/jit/api/module.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sotto::models {

// Of one compilation unit, which the modules keep alive.
class ScriptClasses {
 public:
  using Attribute = std::pair<std::string, c10::TypePtr>;

  // Attributes that are tensors are parameters. `code` holds methods in the language of TorchScript, or nothing. Each
  // name is given once.
  c10::ClassTypePtr add(const std::string& name, const std::vector<Attribute>& attributes,
                        const std::string& code) const;

  // A module of the class, in evaluation mode, that holds these tensors themselves under their paths; which of them
  // require grad is kept. They are all of its parameters.
  torch::jit::Module module(const c10::ClassTypePtr& type, const std::vector<NamedTensor>& parameters) const;

 private:
  using Object = c10::intrusive_ptr<c10::ivalue::Object>;
  Object make(const c10::ClassTypePtr& type) const;

  std::shared_ptr<torch::jit::CompilationUnit> unit_ = std::make_shared<torch::jit::CompilationUnit>();
};

}  // namespace sotto::models

#pragma once
// TorchScript files whose forward(x) begins with given lines: models of which a test needs one strange line.

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>
#include <torch/library.h>

#include <sstream>
#include <string>

namespace sotto::models::testing {

inline std::string saved(const torch::jit::Module& module) {
  std::ostringstream stream;
  module.save(stream);
  return stream.str();
}

// One parameter; the lines may enter the object self.block, which holds a tensor and ends with the line `exit`.
inline std::string written(const std::string& lines, const std::string& exit = "pass") {
  torch::jit::Module module("written");
  const auto unit = module._ivalue()->compilation_unit();
  const auto type = c10::ClassType::create("__torch__.Block", unit);
  type->addAttribute("kept", c10::TensorType::get());
  unit->register_type(type);
  const torch::jit::SimpleSelf self(type);
  unit->define(c10::QualifiedName("__torch__.Block"),
               "def __enter__(self):\n    pass\ndef __exit__(self, a: Any, b: Any, c: Any):\n    " + exit + "\n",
               torch::jit::nativeResolver(), &self);
  const auto block = c10::ivalue::Object::create({unit, type}, 1);
  block->setSlot(0, at::ones({2}));
  module.register_attribute("block", type, block);
  module.register_parameter("weight", at::ones({2}).set_requires_grad(true), false);
  module.define("def forward(self, x):\n" + lines + "    return x * self.weight\n");
  return saved(module);
}

// A linear classifier of 784 numbers into 10 classes.
inline std::string written_classifier(const std::string& lines) {
  torch::jit::Module module("classifier");
  module.register_parameter("weight", at::zeros({10, 784}).set_requires_grad(true), false);
  module.define("def forward(self, x):\n" + lines + "    return torch.linear(torch.flatten(x, 1), self.weight)\n");
  return saved(module);
}

// One that calls absent::scale, an operator that is registered only while the file is written.
inline std::string written_with_absent_operator() {
  struct Resolver : torch::jit::NativeResolver {
    std::shared_ptr<torch::jit::SugaredValue> resolveValue(const std::string& name, torch::jit::GraphFunction& function,
                                                           const torch::jit::SourceRange& place) override {
      if (name == "absent") return std::make_shared<torch::jit::BuiltinModule>("absent");
      return NativeResolver::resolveValue(name, function, place);
    }
  };
  torch::Library library(torch::Library::FRAGMENT, "absent", std::nullopt, __FILE__, __LINE__);
  library.def("scale(Tensor x) -> Tensor");
  torch::jit::Module module("absent");
  module.register_parameter("weight", at::zeros({10, 784}).set_requires_grad(true), false);
  module.define("def forward(self, x):\n    return torch.linear(torch.flatten(absent.scale(x), 1), self.weight)\n",
                std::make_shared<Resolver>());
  return saved(module);
}

}  // namespace sotto::models::testing

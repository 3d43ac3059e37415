#include <sotto/models/script_classes.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>

namespace sotto::models {

c10::ClassTypePtr ScriptClasses::add(const std::string& name, const std::vector<Attribute>& attributes,
                                     const std::string& code) const {
  auto type = c10::ClassType::create("__torch__.sotto." + name, unit_, /*is_module=*/true);
  unit_->register_type(type);
  type->addAttribute("training", c10::BoolType::get());
  for (const auto& [attribute, of] : attributes)
    type->addAttribute(attribute, of, /*is_parameter=*/of->kind() == c10::TypeKind::TensorType);
  const torch::jit::SimpleSelf self(type);
  if (!code.empty()) unit_->define(*type->name(), code, torch::jit::nativeResolver(), &self);
  return type;
}

// With parameters that are not set.
ScriptClasses::Object ScriptClasses::make(const c10::ClassTypePtr& type) const {
  auto object = c10::ivalue::Object::create({unit_, type}, type->numAttributes());
  for (size_t slot = 0; slot < type->numAttributes(); ++slot) {
    const c10::TypePtr& of = type->getAttribute(slot);
    if (const auto inner = of->cast<c10::ClassType>()) object->setSlot(slot, make(inner));
    if (of->kind() == c10::TypeKind::BoolType) object->setSlot(slot, false);
  }
  return object;
}

torch::jit::Module ScriptClasses::module(const c10::ClassTypePtr& type,
                                         const std::vector<NamedTensor>& parameters) const {
  const Object root = make(type);
  for (const NamedTensor& named : parameters) {
    Object object = root;
    size_t begin = 0;
    for (size_t dot = named.name.find('.'); dot != std::string::npos; dot = named.name.find('.', begin)) {
      object = object->getAttr(named.name.substr(begin, dot - begin)).toObject();
      begin = dot + 1;
    }
    object->setAttr(named.name.substr(begin), named.tensor.detach().set_requires_grad(named.tensor.requires_grad()));
  }
  torch::jit::Module result(root);
  for (const auto& named : result.named_parameters()) SOTTO_ASSERT(named.value.defined());
  return result;
}

}  // namespace sotto::models

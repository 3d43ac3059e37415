#include <ATen/core/grad_mode.h>
#include <sotto/models/name_pattern.h>
#include <sotto/models/script_lora.h>

#include <algorithm>
#include <string_view>

namespace sotto::models {
namespace {

constexpr std::string_view kLinearClasses = "__torch__.torch.nn.modules.linear.";
constexpr std::string_view kOwnLinearClass = "__torch__.sotto.Linear";  // text_script.cpp
constexpr int64_t kMatrix = 2;  // a bilinear layer of that file has another weight

bool is_linear(const torch::jit::Module& part) {
  const auto& name = part.type()->name();
  return name && (name->qualifiedName().starts_with(kLinearClasses) || name->qualifiedName() == kOwnLinearClass) &&
         part.hasattr("weight") && part.attr("weight").isTensor() && part.attr("weight").toTensor().dim() == kMatrix;
}

}  // namespace

ScriptLora::ScriptLora(const torch::jit::Module& module, const LoraOptions& options) : scale_(options.scale()) {
  check_sizes(options);
  std::vector<std::string> names;
  std::vector<torch::jit::ObjectPtr> layers;  // each once, under the first of its names
  for (const auto& named : module.named_modules()) {
    if (!is_linear(named.value) || std::ranges::find(layers, named.value._ivalue()) != layers.end()) continue;
    names.push_back(named.name);
    layers.push_back(named.value._ivalue());
  }
  const std::vector<bool> wanted = matched("Lora targets", options.targets, names);
  const auto weight_of = [&](std::size_t i) { return layers[i]->getAttr("weight").toTensor(); };
  for (std::size_t i = 0; i < names.size(); ++i)
    if (wanted[i]) check_weight(options, names[i], weight_of(i));
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!wanted[i]) continue;
    const at::Tensor weight = weight_of(i);
    const bool was_trained = weight.requires_grad();
    const LoraFactors factors = draw_factors(weight, options.rank);
    for (const at::Tensor& factor : {factors.a, factors.b}) factor.requires_grad_(true);
    adapted_.push_back({names[i], layers[i], layers[i]->type()->getAttributeSlot("weight"), was_trained, factors});
  }
}

ScriptLora::Applied::Applied(const ScriptLora& of, For purpose) : of_(of) {
  for (const Adapted& each : of.adapted_) {
    at::Tensor weight = each.factors.weight(of.scale_);
    if (purpose == For::file) weight = weight.detach().cpu().requires_grad_(each.was_trained);
    each.layer->setSlot(each.slot, weight);
  }
}

ScriptLora::Applied::~Applied() {
  for (const Adapted& each : of_.adapted_) each.layer->setSlot(each.slot, each.factors.base);
}

std::vector<NamedTensor> ScriptLora::factors() const {
  std::vector<NamedTensor> result;
  for (const Adapted& each : adapted_) {
    result.push_back({each.name + ".lora_A", each.factors.a});
    result.push_back({each.name + ".lora_B", each.factors.b});
  }
  return result;
}

}  // namespace sotto::models

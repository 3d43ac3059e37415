#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <sotto/models/linear_layers.h>
#include <sotto/models/lora.h>
#include <sotto/models/module_state.h>
#include <sotto/models/name_pattern.h>
#include <sotto/privacy/error.h>

#include <algorithm>

namespace sotto::models {

Lora::Lora(torch::nn::Module& module, const LoraOptions& options) : rank_(options.rank), alpha_(options.alpha) {
  check_sizes(options);
  const std::vector<LinearLayer> layers = linear_layers(module);
  std::vector<std::string> names;
  for (const LinearLayer& each : layers) names.push_back(each.name);
  const std::vector<bool> wanted = matched("Lora targets", options.targets, names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!wanted[i]) continue;
    const at::Tensor& weight = layers[i].layer->weight;
    if (layers[i].layer->named_parameters(false).contains("lora_A"))
      throw UsageError(fmt::format("[Lora] layer {} is adapted already", names[i]));
    check_weight(options, names[i], weight);
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!wanted[i]) continue;
    torch::nn::LinearImpl& linear = *layers[i].layer;
    LoraFactors factors = draw_factors(linear.weight, options.rank);
    factors.a = linear.register_parameter("lora_A", factors.a);
    factors.b = linear.register_parameter("lora_B", factors.b);
    adapted_.push_back({layers[i].layer, factors});
    names_.push_back(names[i]);
  }
}

void Lora::apply() {
  const auto is_trained = [](const Adapted& of) {
    return of.factors.a.requires_grad() || of.factors.b.requires_grad();
  };
  if (at::GradMode::is_enabled() && std::ranges::none_of(adapted_, is_trained))
    throw UsageError(
        "[Lora::apply] no factor is trained: they were frozen after they were made; name *lora_* among what is "
        "trained, or call merge()");
  for (Adapted& of : adapted_) of.linear->weight = of.factors.weight(scale());
}

void Lora::merge() {
  const at::NoGradGuard no_grad;
  merged_ = true;
  for (Adapted& of : adapted_) {
    of.factors.base.addmm_(of.factors.b, of.factors.a, 1.0, scale());
    of.factors.b.zero_();
    of.linear->weight = of.factors.base;
  }
}

std::vector<NamedTensor> Lora::factors() const {
  std::vector<NamedTensor> result;
  for (std::size_t i = 0; i < adapted_.size(); ++i) {
    result.push_back({names_[i] + ".lora_A", adapted_[i].factors.a});
    result.push_back({names_[i] + ".lora_B", adapted_[i].factors.b});
  }
  return result;
}

std::vector<NamedTensor> merged_parameters(const torch::nn::Module& module) {
  std::vector<NamedTensor> result = module_parameters(module);
  std::erase_if(result, [](const NamedTensor& named) {
    return named.name.ends_with(".lora_A") || named.name.ends_with(".lora_B");
  });
  return result;
}

}  // namespace sotto::models

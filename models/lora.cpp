#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/models/lora.h>
#include <sotto/models/module_state.h>
#include <sotto/models/name_pattern.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>

namespace sotto::models {

Lora::Lora(torch::nn::Module& module, const LoraOptions& options) : rank_(options.rank), alpha_(options.alpha) {
  if (options.rank < 1) throw UsageError(fmt::format("[Lora] rank: {}; must be at least 1", options.rank));
  if (!std::isfinite(options.alpha) || options.alpha <= 0.0)
    throw UsageError(fmt::format("[Lora] alpha: {}; must be a finite number above 0", options.alpha));
  std::vector<std::string> names;
  std::vector<std::shared_ptr<torch::nn::LinearImpl>> linears;  // each once, under the first of its names
  for (const auto& item : module.named_modules("", /*include_self=*/false)) {
    auto linear = std::dynamic_pointer_cast<torch::nn::LinearImpl>(item.value());
    if (linear == nullptr || std::ranges::find(linears, linear) != linears.end()) continue;
    names.push_back(item.key());
    linears.push_back(std::move(linear));
  }
  const std::vector<bool> wanted = matched("Lora targets", options.targets, names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!wanted[i]) continue;
    const at::Tensor& weight = linears[i]->weight;
    if (linears[i]->named_parameters(false).contains("lora_A"))
      throw UsageError(fmt::format("[Lora] layer {} is adapted already", names[i]));
    if (!weight.is_leaf())
      throw UsageError(
          fmt::format("[Lora] the weight of layer {} is computed from others; must be a parameter", names[i]));
    if (options.rank > std::min(weight.size(0), weight.size(1)))
      throw UsageError(fmt::format("[Lora] rank: {}; must be at most {}, the smaller size of the weight of layer {}",
                                   options.rank, std::min(weight.size(0), weight.size(1)), names[i]));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!wanted[i]) continue;
    torch::nn::LinearImpl& linear = *linears[i];
    const at::Tensor base = linear.weight;
    base.requires_grad_(false);
    const at::TensorOptions like = base.options();
    const double bound = 1.0 / std::sqrt(static_cast<double>(base.size(1)));
    const at::Tensor a =
        linear.register_parameter("lora_A", at::empty({options.rank, base.size(1)}, like).uniform_(-bound, bound));
    const at::Tensor b = linear.register_parameter("lora_B", at::zeros({base.size(0), options.rank}, like));
    adapted_.push_back({linears[i], base, a, b});
    names_.push_back(names[i]);
  }
}

void Lora::apply() {
  const auto is_trained = [](const Adapted& of) { return of.a.requires_grad() || of.b.requires_grad(); };
  if (at::GradMode::is_enabled() && std::ranges::none_of(adapted_, is_trained))
    throw UsageError(
        "[Lora::apply] no factor is trained: they were frozen after they were made; name *lora_* among what is "
        "trained, "
        "or call merge()");
  for (Adapted& of : adapted_) of.linear->weight = at::addmm(of.base, of.b, of.a, 1.0, scale());
}

void Lora::merge() {
  const at::NoGradGuard no_grad;
  merged_ = true;
  for (Adapted& of : adapted_) {
    of.base.addmm_(of.b, of.a, 1.0, scale());
    of.b.zero_();
    of.linear->weight = of.base;
  }
}

std::vector<NamedTensor> Lora::factors() const {
  std::vector<NamedTensor> result;
  for (std::size_t i = 0; i < adapted_.size(); ++i) {
    result.push_back({names_[i] + ".lora_A", adapted_[i].a});
    result.push_back({names_[i] + ".lora_B", adapted_[i].b});
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

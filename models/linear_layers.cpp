#include <sotto/models/linear_layers.h>

#include <algorithm>
#include <utility>

namespace sotto::models {

std::vector<LinearLayer> linear_layers(const torch::nn::Module& module) {
  std::vector<LinearLayer> result;
  for (const auto& item : module.named_modules("", /*include_self=*/false)) {
    auto layer = std::dynamic_pointer_cast<torch::nn::LinearImpl>(item.value());
    if (layer != nullptr && std::ranges::find(result, layer, &LinearLayer::layer) == result.end())
      result.push_back({item.key(), std::move(layer)});
  }
  return result;
}

}  // namespace sotto::models

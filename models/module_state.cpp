#include <sotto/models/module_state.h>

namespace sotto::models {
namespace {

template <class Items>
std::vector<NamedTensor> named(const Items& items) {
  std::vector<NamedTensor> result;
  for (const auto& item : items) result.push_back({item.key(), item.value()});
  return result;
}

}  // namespace

std::vector<NamedTensor> module_parameters(const torch::nn::Module& module) {
  return named(module.named_parameters());
}

std::vector<NamedTensor> module_buffers(const torch::nn::Module& module) {
  return named(module.named_buffers());
}

}  // namespace sotto::models

#include <sotto/models/frozen.h>
#include <sotto/models/name_pattern.h>

namespace sotto::models {
namespace {

// Calls set(tensor, whether its name matches), and returns the names that do.
template <class Set>
std::vector<std::string> for_parameters(const char* what, torch::nn::Module& module,
                                        const std::vector<std::string>& patterns, const Set& set) {
  const auto parameters = module.named_parameters();
  const std::vector<bool> wanted = matched(what, patterns, parameters.keys());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    set(parameters[i].value(), wanted[i]);
    if (wanted[i]) names.push_back(parameters[i].key());
  }
  return names;
}

}  // namespace

std::vector<std::string> train_only(torch::nn::Module& module, const std::vector<std::string>& patterns) {
  return for_parameters("train_only", module, patterns,
                        [](const torch::Tensor& parameter, bool wanted) { parameter.requires_grad_(wanted); });
}

std::vector<std::string> freeze(torch::nn::Module& module, const std::vector<std::string>& patterns) {
  return for_parameters("freeze", module, patterns, [](const torch::Tensor& parameter, bool wanted) {
    if (wanted) parameter.requires_grad_(false);
  });
}

std::vector<std::string> thaw(torch::nn::Module& module, const std::vector<std::string>& patterns) {
  return for_parameters("thaw", module, patterns, [](const torch::Tensor& parameter, bool wanted) {
    if (wanted) parameter.requires_grad_(true);
  });
}

std::vector<torch::Tensor> trained(const torch::nn::Module& module) {
  std::vector<torch::Tensor> result;
  for (const torch::Tensor& parameter : module.parameters())
    if (parameter.requires_grad()) result.push_back(parameter);
  return result;
}

}  // namespace sotto::models

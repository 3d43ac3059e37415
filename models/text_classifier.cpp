#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/frozen.h>
#include <sotto/models/text_classifier.h>
#include <sotto/privacy/error.h>

#include <algorithm>

namespace sotto::models {

TextClassifierImpl::TextClassifierImpl(const TextClassifierOptions& options) : pooling(options.pooling) {
  if (options.outputs < 1)
    throw UsageError(fmt::format("[TextClassifier] outputs: {}; must be at least 1", options.outputs));
  bert = register_module("bert", Bert(options.bert));
  classifier = register_module("classifier", torch::nn::Linear(options.bert.width, options.outputs));
}

torch::Tensor TextClassifierImpl::forward(const torch::Tensor& ids) {
  return classifier(pooled(bert(ids), bert->tokens(ids), pooling));
}

const std::vector<std::string>& adaptations() {
  static const std::vector<std::string> names = {"full", "lora", "bitfit", "head"};
  return names;
}

Adaptation adaptation_of(const std::string& name) {
  const auto found = std::ranges::find(adaptations(), name);
  if (found == adaptations().end())
    throw UsageError(
        fmt::format("[--adapt] unknown value: '{}'; allowed are {}", name, fmt::join(adaptations(), ", ")));
  return static_cast<Adaptation>(found - adaptations().begin());
}

std::unique_ptr<Lora> adapt(TextClassifierImpl& model, Adaptation adaptation, const LoraOptions& options) {
  switch (adaptation) {
    case Adaptation::full:
      thaw(model, {"*"});
      return nullptr;
    case Adaptation::bitfit:
      train_only(model, {"*bias", "classifier.*"});
      return nullptr;
    case Adaptation::lora:
      train_only(model, {"classifier.*"});
      return std::make_unique<Lora>(model, options);
    case Adaptation::head:
      train_only(model, {"classifier.*"});
      return nullptr;
  }
  throw InternalError("[adapt] a value outside of the enumeration Adaptation");
}

}  // namespace sotto::models

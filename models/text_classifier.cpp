#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/frozen.h>
#include <sotto/models/module_state.h>
#include <sotto/models/text_classifier.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <vector>

namespace sotto::models {
namespace {

constexpr double kTinySquare = 1e-24;  // so that the vector 0 has a direction: 0

}  // namespace

TextClassifierImpl::TextClassifierImpl(const TextClassifierOptions& options) : pooling(options.pooling) {
  if (options.outputs < 1)
    throw UsageError(fmt::format("[TextClassifier] outputs: {}; must be at least 1", options.outputs));
  bert = register_module("bert", Bert(options.bert));
  const int64_t vectors = pooling == Pooling::layers ? options.bert.layers + 1 : 1;
  classifier = register_module("classifier", torch::nn::Linear(vectors * options.bert.width, options.outputs));
  if (!options.centred) return;
  if (pooling != Pooling::layers)
    throw UsageError("[TextClassifier] centred: needs Pooling::layers, whose vectors all have one norm");
  centre = register_buffer("centre", at::zeros({vectors * options.bert.width}, at::kFloat));
}

torch::Tensor TextClassifierImpl::forward(const torch::Tensor& ids) {
  return scores(vectors(ids));
}

torch::Tensor TextClassifierImpl::scores(const torch::Tensor& vectors) {
  return classifier(centre.defined() ? vectors - centre : vectors);
}

torch::Tensor TextClassifierImpl::vectors(const torch::Tensor& ids) {
  const torch::Tensor tokens = bert->tokens(ids);
  if (pooling != Pooling::layers) return pooled(bert(ids), tokens, pooling);
  std::vector<torch::Tensor> means;
  bert->each(ids, [&](const torch::Tensor& states) {
    const torch::Tensor mean = pooled(states, tokens, Pooling::mean);
    means.push_back(mean / mean.square().sum(1, /*keepdim=*/true).add(kTinySquare).sqrt());
  });
  return at::cat(means, 1);
}

void fold_centre(TextClassifierImpl& model) {
  if (!model.centre.defined()) return;
  const at::NoGradGuard no_grad;
  model.classifier->bias.sub_(at::mv(model.classifier->weight, model.centre));
  model.centre.zero_();
}

void load_encoder(const std::filesystem::path& weights, TextClassifierImpl& model) {
  load_published(weights, module_parameters(*model.bert), published_bert_names());
}

TextClassifier load_text_classifier(const std::filesystem::path& folder, int64_t outputs, Pooling pooling) {
  TextClassifier result(
      TextClassifierOptions{.bert = read_bert_options(folder / "config.json"), .outputs = outputs, .pooling = pooling});
  load_encoder(folder / "model.safetensors", *result);
  return result;
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

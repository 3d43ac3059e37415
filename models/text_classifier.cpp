#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/frozen.h>
#include <sotto/models/linear_layers.h>
#include <sotto/models/module_state.h>
#include <sotto/models/name_pattern.h>
#include <sotto/models/text_classifier.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace sotto::models {
namespace {

torch::Tensor direction(const torch::Tensor& states, const torch::Tensor& tokens) {
  const torch::Tensor mean = pooled(states, tokens, Pooling::mean);
  return mean / mean.square().sum(1, /*keepdim=*/true).add(kTinySquare).sqrt();
}

// Patterns of the names of embedding and layers that stay frozen.
std::vector<std::string> frozen_below(const TextClassifierImpl& model, const AdaptationOptions& options) {
  if (!options.layers) return {};
  const auto all = static_cast<int64_t>(model.bert->layers.size());
  if (*options.layers < 1 || *options.layers > all)
    throw UsageError(
        fmt::format("[adapt] layers: {}; must be from 1 to {}, those of the encoder", *options.layers, all));
  std::vector<std::string> result = {"bert.embeddings.*"};
  for (int64_t l = 0; l < all - *options.layers; ++l) result.push_back(fmt::format("bert.encoder.layer.{}.*", l));
  return result;
}

// The names of those linear layers that the targets match and that are not frozen.
std::vector<std::string> targets_above(const TextClassifierImpl& model, const std::vector<std::string>& targets,
                                       const std::vector<std::string>& below) {
  std::vector<std::string> names;
  for (const LinearLayer& each : linear_layers(model)) names.push_back(each.name);
  const std::vector<bool> wanted = matched("Lora targets", targets, names);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (wanted[i] && std::ranges::none_of(below, [&](const std::string& p) { return matches(p, names[i]); }))
      result.push_back(names[i]);
  if (result.empty())
    throw UsageError(fmt::format("[adapt] targets of LoRA: {} match frozen layers only", fmt::join(targets, ", ")));
  return result;
}

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
  const torch::Tensor states = bert->embed(ids), tokens = bert->tokens(ids);
  std::vector<torch::Tensor> means;
  if (pooling == Pooling::layers) means.push_back(direction(states, tokens));
  return vectors_from(0, states, tokens, std::move(means));
}

torch::Tensor TextClassifierImpl::vectors_from(int64_t layer, const torch::Tensor& states, const torch::Tensor& tokens,
                                               std::vector<torch::Tensor> means) {
  const int64_t end = bert->options.layers;
  if (pooling != Pooling::layers) return pooled(bert->through(layer, end, states, tokens), tokens, pooling);
  bert->through(layer, end, states, tokens,
                [&](const torch::Tensor& after) { means.push_back(direction(after, tokens)); });
  return at::cat(means, 1);
}

torch::Tensor TextClassifierImpl::states_below(const torch::Tensor& ids, int64_t layers) {
  torch::Tensor states = bert->embed(ids);
  const torch::Tensor tokens = bert->tokens(ids);
  std::vector<torch::Tensor> columns;
  const auto visit = [&](const torch::Tensor& after) {
    if (pooling == Pooling::layers) columns.push_back(direction(after, tokens).unsqueeze(2));
  };
  visit(states);
  states = bert->through(0, layers, states, tokens, visit);
  columns.push_back(states.masked_fill(tokens.logical_not().unsqueeze(2), 0).transpose(1, 2));
  return at::cat(columns, 2);
}

torch::Tensor TextClassifierImpl::vectors_above(const torch::Tensor& below, int64_t layers) {
  const int64_t columns = pooling == Pooling::layers ? layers + 1 : 0;
  const torch::Tensor states = below.slice(2, columns);
  const torch::Tensor tokens = token_places(states.ne(0).to(at::kLong).amax(1), 0);
  std::vector<torch::Tensor> means;
  if (columns > 0) means.push_back(below.slice(2, 0, columns).transpose(1, 2).flatten(1));
  return vectors_from(layers, states.transpose(1, 2).contiguous(), tokens, std::move(means));
}

torch::Tensor bias_without_centre(const TextClassifierImpl& model) {
  const at::NoGradGuard no_grad;
  const torch::nn::LinearImpl& head = *model.classifier;
  return model.centre.defined() ? head.bias - at::mv(head.weight, model.centre) : head.bias;
}

void fold_centre(TextClassifierImpl& model) {
  if (!model.centre.defined()) return;
  const at::NoGradGuard no_grad;
  model.classifier->bias.copy_(bias_without_centre(model));
  model.centre.zero_();
}

void load_encoder(const std::filesystem::path& weights, TextClassifierImpl& model) {
  load_encoder(weights.string(), read_state(weights), model);
}

void load_encoder(const std::string& source, const std::vector<NamedTensor>& stored, TextClassifierImpl& model) {
  load_published(source, stored, module_parameters(*model.bert), published_bert_names());
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
        fmt::format("[adaptation_of] unknown name: '{}'; allowed are {}", name, fmt::join(adaptations(), ", ")));
  return static_cast<Adaptation>(found - adaptations().begin());
}

std::unique_ptr<Lora> adapt(TextClassifierImpl& model, Adaptation adaptation, const AdaptationOptions& options) {
  const std::vector<std::string> below = frozen_below(model, options);
  switch (adaptation) {
    case Adaptation::full:
      thaw(model, {"*"});
      if (!below.empty()) freeze(model, below);
      return nullptr;
    case Adaptation::bitfit:
      train_only(model, {"*bias", "classifier.*"});
      if (!below.empty()) freeze(model, below);
      return nullptr;
    case Adaptation::lora: {
      LoraOptions lora = options.lora;
      if (!below.empty()) lora.targets = targets_above(model, lora.targets, below);
      train_only(model, {"classifier.*"});
      return std::make_unique<Lora>(model, lora);
    }
    case Adaptation::head:
      train_only(model, {"classifier.*"});
      return nullptr;
  }
  throw InternalError("[adapt] a value outside of the enumeration Adaptation");
}

}  // namespace sotto::models

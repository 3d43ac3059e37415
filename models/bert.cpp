#include <ATen/TensorOperators.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/models/bert.h>
#include <sotto/privacy/error.h>
#include <torch/nn/init.h>

#include <limits>
#include <memory>
#include <string>

namespace sotto::models {
namespace {

namespace nn = torch::nn;
using torch::Tensor;

constexpr double kDeviation = 0.02;  // of weights that are drawn, as for the published ones

nn::LayerNorm layer_norm(const BertOptions& o) {
  return nn::LayerNorm(nn::LayerNormOptions({o.width}).eps(o.norm_epsilon));
}

std::shared_ptr<nn::Module> group(nn::Module& of, const std::string& name) {
  return of.register_module(name, std::make_shared<nn::Module>());
}

void draw(nn::Module& of) {
  for (const auto& item : of.named_parameters()) {
    if (item.value().dim() == 2)
      nn::init::normal_(item.value(), 0.0, kDeviation);
    else if (item.key().ends_with("bias"))
      nn::init::zeros_(item.value());
  }
}

}  // namespace

BertLayerImpl::BertLayerImpl(const BertOptions& o) : heads(o.heads) {
  check(o);
  const auto attention = group(*this, "attention"), self = group(*attention, "self"),
             after = group(*attention, "output"), intermediate = group(*this, "intermediate"),
             output = group(*this, "output");
  query = self->register_module("query", nn::Linear(o.width, o.width));
  key = self->register_module("key", nn::Linear(o.width, o.width));
  value = self->register_module("value", nn::Linear(o.width, o.width));
  mixed = after->register_module("dense", nn::Linear(o.width, o.width));
  attention_norm = after->register_module("LayerNorm", layer_norm(o));
  wide = intermediate->register_module("dense", nn::Linear(o.width, o.feed_forward));
  narrow = output->register_module("dense", nn::Linear(o.feed_forward, o.width));
  output_norm = output->register_module("LayerNorm", layer_norm(o));
}

Tensor BertLayerImpl::forward(const Tensor& states, const Tensor& hidden) {
  const int64_t batch = states.size(0), length = states.size(1), width = states.size(2);
  const auto of_heads = [&](nn::Linear& linear) {
    return linear(states).view({batch, length, heads, width / heads}).transpose(1, 2);
  };
  const Tensor attended = at::scaled_dot_product_attention(of_heads(query), of_heads(key), of_heads(value), hidden)
                              .transpose(1, 2)
                              .reshape({batch, length, width});
  const Tensor between = attention_norm(states + mixed(attended));
  return output_norm(between + narrow(at::gelu(wide(between))));
}

BertImpl::BertImpl(const BertOptions& o) : options(o) {
  check(o);
  const auto embeddings = group(*this, "embeddings");
  words = embeddings->register_module("word_embeddings", nn::Embedding(o.vocabulary, o.width));
  positions = embeddings->register_module("position_embeddings", nn::Embedding(o.positions, o.width));
  types = embeddings->register_module("token_type_embeddings", nn::Embedding(o.token_types, o.width));
  norm = embeddings->register_module("LayerNorm", layer_norm(o));
  const auto all = group(*group(*this, "encoder"), "layer");
  for (int64_t l = 0; l < o.layers; ++l) layers.push_back(all->register_module(std::to_string(l), BertLayer(o)));
  draw(*this);
}

Tensor BertImpl::tokens(const Tensor& ids) const {
  return token_places(ids, options.padding);
}

Tensor BertImpl::hidden(const Tensor& tokens, const Tensor& like) {
  return at::zeros({1}, like.options().requires_grad(false))
      .expand(tokens.sizes())
      .masked_fill(tokens.logical_not(), -std::numeric_limits<double>::infinity())
      .view({tokens.size(0), 1, 1, tokens.size(1)});
}

Tensor BertImpl::embed(const Tensor& ids) {
  if (ids.dim() != 2 || ids.size(1) < 1 || ids.size(1) > options.positions)
    throw UsageError(fmt::format("[Bert] ids: {} dimensions, {} tokens; must be [B, T] with T from 1 to {}", ids.dim(),
                                 ids.dim() == 2 ? ids.size(1) : 0, options.positions));
  return norm(words(ids) + positions->weight.slice(0, 0, ids.size(1)) + types->weight[0]);
}

Tensor BertImpl::forward(const Tensor& ids) {
  const Tensor states = embed(ids);  // refuses what is no [B, T]
  return through(0, options.layers, states, tokens(ids));
}

Tensor BertImpl::through(int64_t first, int64_t end, Tensor states, const Tensor& tokens, const Visit& visit) {
  const Tensor mask = hidden(tokens, states);
  for (int64_t l = first; l < end; ++l) {
    states = layers[static_cast<std::size_t>(l)](states, mask);
    if (visit) visit(states);
  }
  return states;
}

PublishedNames published_bert_names() {
  return {"bert.", {"pooler.", "cls.", "classifier.", "embeddings.position_ids", "embeddings.token_type_ids"}};
}

}  // namespace sotto::models

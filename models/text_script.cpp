#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/module_state.h>
#include <sotto/models/script_classes.h>
#include <sotto/models/text_script.h>
#include <sotto/privacy/error.h>

#include <optional>
#include <string>
#include <vector>

namespace sotto::models {
namespace {

using c10::ClassTypePtr;
using Attribute = ScriptClasses::Attribute;

// {0}: heads, {1}: width of one.
constexpr const char* kAttention = R"(
def heads(self, states):
    return torch.transpose(states.view([states.size(0), states.size(1), {0}, {1}]), 1, 2)
def forward(self, states, hidden):
    query = self.heads(self.query.forward(states))
    key = self.heads(self.key.forward(states))
    value = self.heads(self.value.forward(states))
    attended = torch.scaled_dot_product_attention(query, key, value, hidden)
    return torch.reshape(torch.transpose(attended, 1, 2), [states.size(0), states.size(1), {0} * {1}])
)";

constexpr const char* kOutput = R"(
def forward(self, states, before):
    return self.LayerNorm.forward(before + self.dense.forward(states))
)";

constexpr const char* kLayer = R"(
def forward(self, states, hidden):
    between = self.attention.output.forward(self.attention.self.forward(states, hidden), states)
    return self.output.forward(torch.gelu(self.intermediate.dense.forward(between)), between)
)";

constexpr const char* kEmbeddings = R"(
def forward(self, ids):
    places = torch.slice(self.position_embeddings.weight, 0, 0, ids.size(1))
    kind = torch.select(self.token_type_embeddings.weight, 0, 0)
    return self.LayerNorm.forward(self.word_embeddings.forward(ids) + places + kind)
)";

// The id of padding. pooling.h says which places are tokens.
constexpr const char* kTokens = R"(
def tokens(self, ids):
    places = torch.arange(ids.size(1), dtype=ids.dtype, device=ids.device)
    last = torch.amax(torch.ne(ids, {}).to(ids.dtype) * places, [1], True)
    return torch.le(places, last)
)";

constexpr const char* kHidden = R"(
def hidden(self, tokens, states):
    zero = torch.zeros([1], dtype=states.dtype, device=states.device)
    hidden = torch.masked_fill(zero.expand(tokens.size()), torch.logical_not(tokens), float("-inf"))
    return hidden.view([tokens.size(0), 1, 1, tokens.size(1)])
)";

constexpr const char* kMean = R"(
def mean(self, states, tokens):
    weights = torch.unsqueeze(tokens.to(states.dtype), -1)
    return torch.sum(states * weights, [1]) / torch.sum(weights, [1])
)";

// Beside kTokens and kMean.
constexpr const char* kBag = R"(
def forward(self, ids):
    return self.head.forward(self.mean(self.embedding.forward(ids), self.tokens(ids)))
)";

// {0}: layers, {1}: width of a state, {2}: the weights, by commas.
constexpr const char* kLstm = R"(
def states(self, embedded):
    zero = torch.zeros([{0}, embedded.size(0), {1}], dtype=embedded.dtype, device=embedded.device)
    states, last, cell = torch.lstm(embedded, [zero, zero], [{2}], True, {0}, 0.0, False, False, True)
    return states
def forward(self, ids):
    return self.head.forward(self.mean(self.states(self.embedding.forward(ids)), self.tokens(ids)))
)";

constexpr const char* kDirection = R"(
def direction(self, states, tokens):
    mean = self.mean(states, tokens)
    return mean / torch.sqrt(torch.sum(torch.square(mean), [1], True) + {})
)";

ClassTypePtr linear_class(const ScriptClasses& classes) {
  return classes.add("Linear", {{"weight", c10::TensorType::get()}, {"bias", c10::TensorType::get()}},
                     "def forward(self, x):\n    return torch.linear(x, self.weight, self.bias)\n");
}

ClassTypePtr embedding_class(const ScriptClasses& classes) {
  return classes.add("Embedding", {{"weight", c10::TensorType::get()}},
                     "def forward(self, ids):\n    return torch.embedding(self.weight, ids)\n");
}

ClassTypePtr bert_class(const ScriptClasses& classes, const BertOptions& o, const ClassTypePtr& linear) {
  const c10::TypePtr tensor = c10::TensorType::get();
  const auto norm = classes.add(
      "LayerNorm", {{"weight", tensor}, {"bias", tensor}},
      fmt::format("def forward(self, x):\n    return torch.layer_norm(x, [{}], self.weight, self.bias, {})\n", o.width,
                  o.norm_epsilon));
  const auto embedding = embedding_class(classes);
  const auto attention = classes.add("SelfAttention", {{"query", linear}, {"key", linear}, {"value", linear}},
                                     fmt::format(kAttention, o.heads, o.width / o.heads));
  const auto output = classes.add("Output", {{"dense", linear}, {"LayerNorm", norm}}, kOutput);
  const auto layer =
      classes.add("Layer",
                  {{"attention", classes.add("Attention", {{"self", attention}, {"output", output}}, "")},
                   {"intermediate", classes.add("Intermediate", {{"dense", linear}}, "")},
                   {"output", output}},
                  kLayer);
  std::vector<Attribute> layers;
  for (int64_t l = 0; l < o.layers; ++l) layers.emplace_back(std::to_string(l), layer);
  const auto encoder = classes.add("Encoder", {{"layer", classes.add("Layers", layers, "")}}, "");
  const auto embeddings = classes.add("Embeddings",
                                      {{"word_embeddings", embedding},
                                       {"position_embeddings", embedding},
                                       {"token_type_embeddings", embedding},
                                       {"LayerNorm", norm}},
                                      kEmbeddings);
  return classes.add("Bert", {{"embeddings", embeddings}, {"encoder", encoder}},
                     fmt::format(kTokens, o.padding) + kHidden);
}

// Layer after layer: the module of a list cannot be chosen by a number.
std::string forward_code(int64_t layers, Pooling pooling) {
  std::string code = R"(
def forward(self, ids):
    tokens = self.bert.tokens(ids)
    states = self.bert.embeddings.forward(ids)
    hidden = self.bert.hidden(tokens, states)
)";
  std::string directions;
  const auto keep = [&](int64_t number) {
    if (pooling != Pooling::layers) return;
    code += fmt::format("    direction_{} = self.direction(states, tokens)\n", number);
    directions += fmt::format("{}direction_{}", number > 0 ? ", " : "", number);
  };
  keep(0);
  for (int64_t l = 0; l < layers; ++l) {
    code += fmt::format("    states = getattr(self.bert.encoder.layer, \"{}\").forward(states, hidden)\n", l);
    keep(l + 1);
  }
  switch (pooling) {
    case Pooling::mean:
      code += "    vectors = self.mean(states, tokens)\n";
      break;
    case Pooling::first:
      code += "    vectors = torch.select(states, 1, 0)\n";
      break;
    case Pooling::layers:
      code += fmt::format("    vectors = torch.cat([{}], 1)\n", directions);
      break;
  }
  return code + "    return self.classifier.forward(vectors)\n";
}

ClassTypePtr classifier_class(const ScriptClasses& classes, const TextClassifierImpl& model) {
  const auto linear = linear_class(classes);
  const auto bert = bert_class(classes, model.bert->options, linear);
  return classes.add("TextClassifier", {{"bert", bert}, {"classifier", linear}},
                     std::string(kMean) + fmt::format(kDirection, kTinySquare) +
                         forward_code(model.bert->options.layers, model.pooling));
}

void check_plain(const TextClassifierImpl& model) {
  for (const NamedTensor& named : module_parameters(model))
    if (named.name.ends_with(".lora_B") && named.tensor.any().item<bool>())
      throw UsageError(fmt::format("[text_script] {} is not merged; must be, with Lora::merge()", named.name));
  if (model.centre.defined() && model.centre.any().item<bool>())
    throw UsageError("[text_script] the centre is not in the head; must be, with fold_centre()");
}

int64_t padding_of(const std::optional<int64_t>& padding) {
  if (!padding) throw UsageError("[text_script] padding: none; must be the id behind the end of a text");
  return *padding;
}

}  // namespace

torch::jit::Module text_script(const TextClassifierImpl& model) {
  check_plain(model);
  const ScriptClasses classes;
  return classes.module(classifier_class(classes, model), merged_parameters(model));
}

torch::jit::Module text_script(const MeanOfWordsImpl& model) {
  const ScriptClasses classes;
  const auto root =
      classes.add("MeanOfWords", {{"embedding", embedding_class(classes)}, {"head", linear_class(classes)}},
                  fmt::format(kTokens, padding_of(model.padding)) + kMean + kBag);
  return classes.module(root, module_parameters(model));
}

torch::jit::Module text_script(const LstmClassifierImpl& model) {
  const ScriptClasses classes;
  std::vector<Attribute> weights;
  std::vector<std::string> names;
  for (const NamedTensor& named : module_parameters(*model.lstm)) {  // in the order that the operator takes
    weights.emplace_back(named.name, c10::TensorType::get());
    names.push_back("self.lstm." + named.name);
  }
  const torch::nn::LSTMOptions& options = model.lstm->options;
  const auto root =
      classes.add("LstmClassifier",
                  {{"embedding", embedding_class(classes)},
                   {"lstm", classes.add("Lstm", weights, "")},
                   {"head", linear_class(classes)}},
                  fmt::format(kTokens, padding_of(model.padding)) + kMean +
                      fmt::format(kLstm, options.num_layers(), options.hidden_size(), fmt::join(names, ", ")));
  return classes.module(root, module_parameters(model));
}

}  // namespace sotto::models

#include <fmt/format.h>
#include <sotto/models/module_state.h>
#include <sotto/models/text_script.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>

#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace sotto::models {
namespace {

using c10::ClassTypePtr;
using Attribute = std::pair<std::string, c10::TypePtr>;

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

// {0}: the id of padding. pooling.h says which places are tokens.
constexpr const char* kBert = R"(
def tokens(self, ids):
    places = torch.arange(ids.size(1), dtype=ids.dtype, device=ids.device)
    last = torch.amax(torch.ne(ids, {0}).to(ids.dtype) * places, [1], True)
    return torch.le(places, last)
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

constexpr const char* kDirection = R"(
def direction(self, states, tokens):
    mean = self.mean(states, tokens)
    return mean / torch.sqrt(torch.sum(torch.square(mean), [1], True) + {})
)";

// Classes of one compilation unit, each with its attributes and code.
class Classes {
 public:
  ClassTypePtr add(const std::string& name, const std::vector<Attribute>& attributes, const std::string& code) const {
    auto type = c10::ClassType::create("__torch__.sotto." + name, unit_, /*is_module=*/true);
    unit_->register_type(type);
    type->addAttribute("training", c10::BoolType::get());
    for (const auto& [attribute, of] : attributes)
      type->addAttribute(attribute, of, /*is_parameter=*/of->kind() == c10::TypeKind::TensorType);
    const torch::jit::SimpleSelf self(type);
    if (!code.empty()) unit_->define(*type->name(), code, torch::jit::nativeResolver(), &self);
    return type;
  }
  // A module of the class, with modules in it and parameters that are not set.
  c10::intrusive_ptr<c10::ivalue::Object> make(const ClassTypePtr& type) const {
    auto object = c10::ivalue::Object::create({unit_, type}, type->numAttributes());
    for (size_t slot = 0; slot < type->numAttributes(); ++slot) {
      const c10::TypePtr& of = type->getAttribute(slot);
      if (const auto inner = of->cast<c10::ClassType>()) object->setSlot(slot, make(inner));
      if (of->kind() == c10::TypeKind::BoolType) object->setSlot(slot, false);
    }
    return object;
  }

 private:
  std::shared_ptr<torch::jit::CompilationUnit> unit_ = std::make_shared<torch::jit::CompilationUnit>();
};

ClassTypePtr bert_class(const Classes& classes, const BertOptions& o, const ClassTypePtr& linear) {
  const c10::TypePtr tensor = c10::TensorType::get();
  const auto norm = classes.add(
      "LayerNorm", {{"weight", tensor}, {"bias", tensor}},
      fmt::format("def forward(self, x):\n    return torch.layer_norm(x, [{}], self.weight, self.bias, {})\n", o.width,
                  o.norm_epsilon));
  const auto embedding = classes.add("Embedding", {{"weight", tensor}},
                                     "def forward(self, ids):\n    return torch.embedding(self.weight, ids)\n");
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
  return classes.add("Bert", {{"embeddings", embeddings}, {"encoder", encoder}}, fmt::format(kBert, o.padding));
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

ClassTypePtr classifier_class(const Classes& classes, const TextClassifierImpl& model) {
  const c10::TypePtr tensor = c10::TensorType::get();
  const auto linear = classes.add("Linear", {{"weight", tensor}, {"bias", tensor}},
                                  "def forward(self, x):\n    return torch.linear(x, self.weight, self.bias)\n");
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

void set(const c10::intrusive_ptr<c10::ivalue::Object>& root, const NamedTensor& named) {
  auto object = root;
  size_t begin = 0;
  for (size_t dot = named.name.find('.'); dot != std::string::npos; dot = named.name.find('.', begin)) {
    object = object->getAttr(named.name.substr(begin, dot - begin)).toObject();
    begin = dot + 1;
  }
  object->setAttr(named.name.substr(begin), named.tensor.detach().set_requires_grad(named.tensor.requires_grad()));
}

}  // namespace

torch::jit::Module text_script(const TextClassifierImpl& model) {
  check_plain(model);
  const Classes classes;
  const auto root = classes.make(classifier_class(classes, model));
  for (const NamedTensor& named : merged_parameters(model)) set(root, named);
  torch::jit::Module result(root);
  for (const auto& named : result.named_parameters()) SOTTO_ASSERT(named.value.defined());
  return result;
}

}  // namespace sotto::models
